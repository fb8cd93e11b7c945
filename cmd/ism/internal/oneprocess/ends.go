package oneprocess

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The broker knows where a partition ends by the batches that it has on disk. Once the last of them has expired, the next start would give
// offset 0 out again, and with it positions that messages have. So the ends are noted before anything expires, see [noteEnds], and a
// partition that has no batch when the broker starts gets one at its end that no reader is given, see [restoreEnds].

const (
	endsFile     = "ends.json" // the ends of partitions, by the names of their directories
	segmentFiles = ".dat"      // base offset and this is a segment's name; its index has another ending
	indexFiles   = ".idx"
)

// noteEnds writes the ends of all partitions to disk.
func noteEnds(dir string, cluster *kfake.Cluster) error {
	partitions, err := partitionsIn(dir)
	if err != nil {
		return err
	}
	ends := make(map[string]int64, len(partitions))
	for _, name := range partitions {
		topic, number, ok := parsePartition(name)
		if !ok {
			continue
		}
		if info := cluster.PartitionInfo(topic, number); info != nil {
			ends[name] = info.HighWatermark
		}
	}
	content, err := json.Marshal(ends)
	if err != nil {
		return fmt.Errorf("encode the ends of partitions: %w", err)
	}
	return writeDurably(filepath.Join(dir, endsFile), content)
}

// restoreEnds gives each partition a batch that had one and has none any more. The broker does not run yet.
func restoreEnds(dir string, now time.Time) error {
	partitions, err := partitionsIn(dir)
	if err != nil || len(partitions) == 0 {
		return err
	}
	noted := map[string]int64{}
	if err := readJSON(filepath.Join(dir, endsFile), &noted); err != nil {
		return err
	}
	for _, name := range partitions {
		partition := filepath.Join(dir, partitionsDir, name)
		// What the broker writes when it is closed. It does not look at it itself where there is no segment.
		var snapshot struct {
			End int64 `json:"high_watermark"`
		}
		if err := readJSON(filepath.Join(partition, "snapshot.json"), &snapshot); err != nil {
			return err
		}
		end := max(noted[name], snapshot.End)
		if end == 0 {
			continue
		}
		if err := restoreEnd(partition, end, now); err != nil {
			return fmt.Errorf("restore the end of partition %s: %w", name, err)
		}
	}
	return nil
}

// restoreEnd replaces segments without a batch, which a process leaves that is killed while it begins one.
func restoreEnd(partition string, end int64, now time.Time) error {
	files, err := os.ReadDir(partition)
	if err != nil {
		return err
	}
	var empty []string
	for _, file := range files {
		path := filepath.Join(partition, file.Name())
		switch filepath.Ext(path) {
		case segmentFiles:
			if has, err := hasBatch(path); has || err != nil {
				return err
			}
			empty = append(empty, path)
		case indexFiles:
			empty = append(empty, path)
		}
	}
	for _, path := range empty {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return writeDurably(filepath.Join(partition, strconv.FormatInt(end-1, 10)+segmentFiles), endMark(end-1, now))
}

// A batch begins with its offset in 8 bytes, the length of what follows in 4, 5 bytes more, and the checksum of what follows that, in 4.
const (
	batchLengthAt   = 8
	batchPrefix     = batchLengthAt + 4
	batchChecksumAt = batchPrefix + 5
	batchChecked    = batchChecksumAt + 4
)

// hasBatch reports whether a segment begins with a whole batch.
func hasBatch(segment string) (bool, error) {
	file, err := os.Open(segment)
	if err != nil {
		return false, err
	}
	defer file.Close()
	prefix := make([]byte, batchPrefix)
	if _, err := io.ReadFull(file, prefix); err != nil {
		return false, orShort(err)
	}
	info, err := file.Stat()
	if err != nil {
		return false, err
	}
	length := int64(binary.BigEndian.Uint32(prefix[batchLengthAt:]))
	if length < batchChecked-batchPrefix || length > info.Size()-batchPrefix {
		return false, nil
	}
	batch := make([]byte, batchPrefix+length)
	copy(batch, prefix)
	if _, err := io.ReadFull(file, batch[batchPrefix:]); err != nil {
		return false, orShort(err)
	}
	return binary.BigEndian.Uint32(batch[batchChecksumAt:]) == checksum(batch), nil
}

// orShort is nil for a file that is too short.
func orShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

func checksum(batch []byte) uint32 {
	return crc32.Checksum(batch[batchChecked:], crc32.MakeTable(crc32.Castagnoli))
}

// endMark is the batch with the one offset: the end of a transaction that has written nothing. Clients pass over it.
func endMark(offset int64, at time.Time) []byte {
	// Key and value are those of Kafka's EndTxnMarker: its version, that it was aborted, and the coordinator's epoch.
	record := kmsg.Record{Key: make([]byte, 4), Value: make([]byte, 6)}
	record.Length = int32(len(record.AppendTo(nil)) - 1) // the length itself takes one byte
	const transactional, control = 1 << 4, 1 << 5
	batch := kmsg.RecordBatch{
		FirstOffset: offset, Magic: 2, Attributes: transactional | control, FirstTimestamp: at.UnixMilli(), MaxTimestamp: at.UnixMilli(),
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: 1, Records: record.AppendTo(nil),
	}
	batch.Length = int32(len(batch.AppendTo(nil)) - batchPrefix)
	batch.CRC = int32(checksum(batch.AppendTo(nil)))
	return batch.AppendTo(nil)
}

const partitionsDir = "partitions"

// partitionsIn gives the names of the directories that partitions have.
func partitionsIn(dir string) ([]string, error) {
	found, err := os.ReadDir(filepath.Join(dir, partitionsDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list partitions: %w", err)
	}
	var names []string
	for _, entry := range found {
		if entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// parsePartition reads the name of a partition's directory: the topic, escaped, and the number.
func parsePartition(name string) (topic string, number int32, ok bool) {
	at := strings.LastIndexByte(name, '-')
	if at < 0 {
		return "", 0, false
	}
	parsed, err := strconv.ParseInt(name[at+1:], 10, 32)
	if err != nil {
		return "", 0, false
	}
	topic, err = url.PathUnescape(name[:at])
	return topic, int32(parsed), err == nil
}

// readJSON leaves the target as it is where there is no file.
func readJSON(path string, target any) error {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(content, target)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// writeDurably replaces a file by another content. Once it returns that is on disk, whatever ends the machine.
func writeDurably(path string, content []byte) (err error) {
	next := path + ".tmp" // the broker removes what is left of such
	file, err := os.OpenFile(next, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(next, path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
