package s3

import (
	"sync"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/ism-chat/ism/libs/config"
)

// readEvery is how long a secret key that is in a file is believed before the file is read again.
const readEvery = 10 * time.Second

// key is what requests are signed with: the secret key as its file has it by now, which may be replaced while the service runs. A file that cannot be read, as
// while it is replaced, changes nothing.
type key struct {
	access string
	file   config.SecretFile
	now    func() time.Time

	mu     sync.Mutex
	secret config.Secret
	read   time.Time
}

var _ credentials.Provider = (*key)(nil)

func newKey(cfg Config) *key {
	return &key{access: cfg.AccessKey, file: cfg.SecretKeyFile, secret: cfg.SecretKey, now: time.Now}
}

// RetrieveWithCredContext implements [credentials.Provider].
func (k *key) RetrieveWithCredContext(*credentials.CredContext) (credentials.Value, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if secret, err := k.file.Read(k.secret); err == nil {
		k.secret = secret
	}
	k.read = k.now()
	return credentials.Value{AccessKeyID: k.access, SecretAccessKey: k.secret.Reveal(), SignerType: credentials.SignatureV4}, nil
}

// Retrieve implements [credentials.Provider].
func (k *key) Retrieve() (credentials.Value, error) { return k.RetrieveWithCredContext(nil) }

// IsExpired implements [credentials.Provider].
func (k *key) IsExpired() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.file != "" && k.now().Sub(k.read) >= readEvery
}
