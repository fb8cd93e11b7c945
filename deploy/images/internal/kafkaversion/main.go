// Command kafkaversion links librdkafka in, and is what the tests describe.
package main

import (
	"fmt"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

func main() {
	number, text := kafka.LibraryVersion()
	fmt.Println(number, text)
}
