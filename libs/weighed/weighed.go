// Package weighed keeps what was used last within a bound of bytes.
package weighed

import (
	"container/list"
	"fmt"
)

// Cache keeps values, the least recently used ones out first. It is not safe for concurrent use.
type Cache[K comparable, V any] struct {
	limit  int
	weigh  func(V) int
	weight int
	byUse  *list.List // of entry[K, V], the one used last first
	byKey  map[K]*list.Element
}

type entry[K comparable, V any] struct {
	key    K
	value  V
	weight int
}

// Overhead is about what a value takes besides its own weight, bytes: its places in the list and in the table.
const Overhead = 200

// New makes a cache of at most so many bytes. Weigh gives about what a value takes, bytes, without [Overhead].
func New[K comparable, V any](limit int, weigh func(V) int) (*Cache[K, V], error) {
	if limit < Overhead {
		return nil, fmt.Errorf("a cache of %d bytes keeps nothing", limit)
	}
	return &Cache[K, V]{limit: limit, weigh: weigh, byUse: list.New(), byKey: map[K]*list.Element{}}, nil
}

// Len is how many values are kept.
func (c *Cache[K, V]) Len() int { return len(c.byKey) }

// Weight is about how many bytes they take.
func (c *Cache[K, V]) Weight() int { return c.weight }

// Get gives a value, which counts as used.
func (c *Cache[K, V]) Get(key K) (value V, ok bool) {
	element, ok := c.byKey[key]
	if !ok {
		return value, false
	}
	c.byUse.MoveToFront(element)
	return c.entry(element).value, true
}

// Peek gives a value, which does not count as used.
func (c *Cache[K, V]) Peek(key K) (value V, ok bool) {
	element, ok := c.byKey[key]
	if !ok {
		return value, false
	}
	return c.entry(element).value, true
}

// Add keeps a value in place of one that the key had, and lets others go until all are within the bound. One that is larger by itself is not kept.
func (c *Cache[K, V]) Add(key K, value V) {
	c.Remove(key)
	added := &entry[K, V]{key: key, value: value, weight: Overhead + c.weigh(value)}
	c.byKey[key] = c.byUse.PushFront(added)
	c.weight += added.weight
	for c.weight > c.limit {
		c.Remove(c.entry(c.byUse.Back()).key)
	}
}

// Remove lets a value go.
func (c *Cache[K, V]) Remove(key K) {
	element, ok := c.byKey[key]
	if !ok {
		return
	}
	c.byUse.Remove(element)
	delete(c.byKey, key)
	c.weight -= c.entry(element).weight
}

// Purge lets all values go.
func (c *Cache[K, V]) Purge() {
	c.byUse.Init()
	clear(c.byKey)
	c.weight = 0
}

func (c *Cache[K, V]) entry(element *list.Element) *entry[K, V] {
	return element.Value.(*entry[K, V]) //nolint:forcetypeassert // the list has nothing else
}
