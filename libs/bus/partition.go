package bus

// partitionOfKey gives the partition that Kafka's own clients choose for a key, of so many (murmur2; the Java client's
// BuiltInPartitioner.partitionForKey). All who write to a log must agree on it.
func partitionOfKey(key string, partitions int32) int32 {
	return int32(murmur2(key)&0x7fffffff) % partitions
}

// murmur2 is the variant of Kafka: 32 bits, with its own seed (org.apache.kafka.common.utils.Utils.murmur2).
func murmur2(key string) uint32 {
	const (
		seed     uint32 = 0x9747b28c
		multiply uint32 = 0x5bd1e995
		shift           = 24
	)
	hash := seed ^ uint32(len(key))
	for ; len(key) >= 4; key = key[4:] {
		k := uint32(key[0]) | uint32(key[1])<<8 | uint32(key[2])<<16 | uint32(key[3])<<24
		k *= multiply
		k ^= k >> shift
		hash = hash*multiply ^ k*multiply
	}
	switch len(key) {
	case 3:
		hash ^= uint32(key[2]) << 16
		fallthrough
	case 2:
		hash ^= uint32(key[1]) << 8
		fallthrough
	case 1:
		hash ^= uint32(key[0])
		hash *= multiply
	}
	hash ^= hash >> 13
	hash *= multiply
	return hash ^ hash>>15
}
