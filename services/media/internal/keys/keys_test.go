package keys_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/media/internal/keys"
	"github.com/ism-chat/ism/services/media/objects"
)

func TestKeysAreThoseOfTheMedium(t *testing.T) {
	room, medium := uuid.New(), uuid.New()
	all := keys.All(room, medium)
	if len(all) != 2+len(keys.Variants()) {
		t.Errorf("all keys are %v", all)
	}
	for _, key := range all {
		if err := objects.CheckKey(key); err != nil {
			t.Error(err)
		}
		if ofRoom, ofMedium, ok := keys.Medium(key); !ok || ofRoom != room || ofMedium != medium {
			t.Errorf("%s is of %s in %s, %t", key, ofMedium, ofRoom, ok)
		}
		if is := keys.IsUpload(key); is != (key == keys.Upload(room, medium)) {
			t.Errorf("%s is an upload: %t", key, is)
		}
	}
}

func TestWhatIsNoKeyIsNobodys(t *testing.T) {
	for _, key := range []string{"", "upload", "../../original", uuid.NewString() + "/original", uuid.NewString() + "/" + uuid.NewString(), "a/b/original"} {
		if _, _, ok := keys.Medium(key); ok {
			t.Errorf("%q is somebody's", key)
		}
	}
}
