package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/telemetry"
)

// ErrDenied says that the brokers do not allow what a client has to do: it lacks an ACL.
var ErrDenied = errors.New("kafka does not allow it")

// lookAtAccess is how long it counts that the brokers allow all.
const lookAtAccess = time.Minute

// Right is what a client must be allowed to do, in Kafka's words.
type Right struct {
	Operation string // Read, Write, Create, Delete, Describe or DescribeConfigs
	Resource  string // topic or group
	Name      string
}

// String is the right as it is told, for example Read on the topic ism.rooms.
func (r Right) String() string {
	return fmt.Sprintf("%s on the %s %s", r.Operation, r.Resource, r.Name)
}

// operations are those that rights have, by Kafka's numbers.
var operations = map[kafka.ACLOperation]string{ //nolint:gochecknoglobals // a table
	kafka.ACLOperationRead: "Read", kafka.ACLOperationWrite: "Write", kafka.ACLOperationCreate: "Create", kafka.ACLOperationDelete: "Delete",
	kafka.ACLOperationDescribe: "Describe", kafka.ACLOperationDescribeConfigs: "DescribeConfigs", kafka.ACLOperationAll: "All",
}

// access is what the clients of a bus use, and what of it they have been told that they may not.
type access struct {
	mu     sync.Mutex
	topics map[Right]bool // in use
	denied map[Right]bool // that clients have been refused
	proven time.Time      // when the brokers have last allowed all that is in use; zero: not since something was added
	told   string         // what was missing, as it has been logged
}

// uses notes what clients do with a topic from now on.
func (a *access) uses(operation string, topics ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, name := range topics {
		if right := (Right{operation, "topic", name}); !a.topics[right] {
			a.topics[right], a.proven = true, time.Time{}
		}
	}
}

// refused notes that a client was refused something, if that is what the error says.
func (a *access) refused(right Right, err error) {
	if !IsDenied(err) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.denied[right] = true
}

// granted notes that clients may do what they may have been refused before.
func (a *access) granted(right Right) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.denied, right)
}

// IsDenied reports whether an error says that an ACL is missing.
func IsDenied(err error) bool {
	var refused kafka.Error
	if errors.Is(err, ErrDenied) {
		return true
	}
	if !errors.As(err, &refused) {
		return false
	}
	switch refused.Code() {
	case kafka.ErrTopicAuthorizationFailed, kafka.ErrGroupAuthorizationFailed, kafka.ErrClusterAuthorizationFailed:
		return true
	default:
		return false
	}
}

// Access reports whether the brokers allow all that the clients of the bus do: writing and reading topics, of which they say themselves what is allowed
// (KIP-430), and being members of groups and making topics, which they refuse when it is tried. The error is [ErrDenied], with each right that is missing; while
// nothing can be asked there is none. Brokers without ACLs allow all.
func (b *Bus) Access(ctx context.Context) error {
	missing, err := b.missing(ctx)
	if err != nil {
		return nil //nolint:nilerr // that they do not answer is told elsewhere
	}
	var text []string
	for _, right := range missing {
		text = append(text, right.String())
	}
	told := strings.Join(text, ", ")
	telemetry.Register(b.tel.Metrics, prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "ism_kafka_missing_rights", Help: "ACLs that are missing of what the service needs of the Kafka brokers; the log says which.",
	})).Set(float64(len(missing)))
	b.access.mu.Lock()
	news := told != b.access.told
	b.access.told = told
	b.access.mu.Unlock()
	if told == "" {
		return nil
	}
	if news {
		b.tel.Log.ErrorContext(ctx, "Kafka does not allow what is needed: ACLs are missing, see docs/kafka-acls.md", "missing", told)
	}
	return fmt.Errorf("%w: what is missing is %s", ErrDenied, told)
}

// missing are the rights in use that the brokers do not give, in order.
func (b *Bus) missing(ctx context.Context) ([]Right, error) {
	b.access.mu.Lock()
	used, refused := slices.Collect(maps.Keys(b.access.topics)), slices.Collect(maps.Keys(b.access.denied))
	proven := time.Since(b.access.proven) < lookAtAccess
	b.access.mu.Unlock()
	if len(used) > 0 && !proven {
		asked, err := b.Lacks(ctx, used...)
		if err != nil {
			return nil, err
		}
		refused = append(refused, asked...)
		if len(asked) == 0 {
			b.access.mu.Lock()
			if len(b.access.topics) == len(used) {
				b.access.proven = time.Now()
			}
			b.access.mu.Unlock()
		}
	}
	slices.SortFunc(refused, func(a, b Right) int {
		return cmp.Or(cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Operation, b.Operation))
	})
	return slices.Compact(refused), nil
}

// Lacks gives those of the rights, which are of topics, that the brokers do not give. A topic that is not there lacks none, and neither does one of which the
// brokers do not say what is allowed. Errors: [ErrUnavailable].
func (b *Bus) Lacks(ctx context.Context, needed ...Right) ([]Right, error) {
	names := map[string]bool{}
	for _, right := range needed {
		names[right.Name] = true
	}
	admin, err := b.adminClient()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	result, err := admin.DescribeTopics(ctx, kafka.NewTopicCollectionOfTopicNames(slices.Sorted(maps.Keys(names))),
		kafka.SetAdminRequestTimeout(queryTimeout), kafka.SetAdminOptionIncludeAuthorizedOperations(true))
	if err != nil {
		return nil, fmt.Errorf("%w: ask what is allowed: %w", ErrUnavailable, err)
	}
	allowed := make(map[string]func(operation string) bool, len(names))
	for _, of := range result.TopicDescriptions {
		allowed[of.Name] = allowedOf(of)
	}
	return slices.DeleteFunc(slices.Clone(needed), func(right Right) bool {
		may, known := allowed[right.Name]
		return !known || may(right.Operation)
	}), nil
}

// allowedOf says of an operation whether it is allowed.
func allowedOf(topic kafka.TopicDescription) func(operation string) bool {
	switch {
	case topic.Error.Code() == kafka.ErrTopicAuthorizationFailed:
		return func(string) bool { return false }
	case topic.Error.Code() != kafka.ErrNoError || len(topic.AuthorizedOperations) == 0:
		return func(string) bool { return true }
	}
	var may []string
	for _, operation := range topic.AuthorizedOperations {
		may = append(may, operations[operation])
	}
	return func(operation string) bool { return slices.Contains(may, operation) || slices.Contains(may, "All") }
}
