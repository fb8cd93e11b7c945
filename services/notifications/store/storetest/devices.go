package storetest

import (
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/notifications/store"
)

func device(user uuid.UUID, id string, at time.Time) store.Device {
	return store.Device{
		UserID: user, ID: id, Kind: store.WebPush, Target: "https://push.example/" + uuid.NewString(), P256dh: "key", Auth: "secret", MadeAt: at, RegisteredAt: at,
	}
}

func putDevice(t *testing.T, s store.Store, d store.Device, limit int) {
	t.Helper()
	if err := s.PutDevice(t.Context(), d, limit); err != nil {
		t.Fatal(err)
	}
}

func wantDevices(t *testing.T, s store.Store, users []uuid.UUID, want ...store.Device) {
	t.Helper()
	got, err := s.Devices(t.Context(), users)
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("devices are %+v, %v; want %+v", got, err, want)
	}
}

func devicesAreKept(t *testing.T, s store.Store) {
	alice, bob := uuid.New(), uuid.New()
	if has, err := s.HasDevices(t.Context(), store.WebPush); err != nil || has {
		t.Errorf("nobody has a device: %t, %v", has, err)
	}
	phone, laptop := device(alice, "phone", at), device(alice, "laptop", at.Add(time.Second))
	putDevice(t, s, laptop, 3)
	putDevice(t, s, phone, 3)
	wantDevices(t, s, []uuid.UUID{alice, bob}, phone, laptop)
	if has, err := s.HasDevices(t.Context(), store.WebPush); err != nil || !has {
		t.Errorf("somebody has a device: %t, %v", has, err)
	}
	if has, err := s.HasDevices(t.Context(), store.FCM); err != nil || has {
		t.Errorf("nobody has one of that kind: %t, %v", has, err)
	}
	// What is registered again keeps since when it has its target.
	phone.RegisteredAt = at.Add(time.Minute)
	again := phone
	again.MadeAt = again.RegisteredAt
	putDevice(t, s, again, 3)
	wantDevices(t, s, []uuid.UUID{alice}, laptop, phone)
	phone.Target, phone.MadeAt, phone.RegisteredAt = "https://push.example/other", at.Add(time.Hour), at.Add(time.Hour)
	putDevice(t, s, phone, 3)
	wantDevices(t, s, []uuid.UUID{alice}, laptop, phone)
	// A browser is one device, whoever has registered it.
	taken := phone
	taken.UserID, taken.ID = bob, "browser"
	putDevice(t, s, taken, 3)
	wantDevices(t, s, []uuid.UUID{alice}, laptop)
	wantDevices(t, s, []uuid.UUID{bob}, taken)
	for _, want := range []bool{true, false} {
		if deleted, err := s.DeleteDevice(t.Context(), alice, "laptop", ""); err != nil || deleted != want {
			t.Errorf("deleted %t, %v", deleted, err)
		}
	}
	if deleted, err := s.DeleteDevice(t.Context(), bob, "browser", laptop.Target); err != nil || deleted {
		t.Errorf("a device that has another target by now is deleted: %t, %v", deleted, err)
	}
	if deleted, err := s.DeleteDevice(t.Context(), bob, "browser", taken.Target); err != nil || !deleted {
		t.Errorf("deleted %t, %v", deleted, err)
	}
	wantDevices(t, s, []uuid.UUID{alice, bob})
}

func oldestDeviceGoes(t *testing.T, s store.Store) {
	user := uuid.New()
	var all []store.Device
	for n := range 4 {
		all = append(all, device(user, strconv.Itoa(n), at.Add(time.Duration(n)*time.Second)))
		putDevice(t, s, all[n], 3)
	}
	wantDevices(t, s, []uuid.UUID{user}, all[1:]...)
}

func pushSettingsAreKept(t *testing.T, s store.Store) {
	alice, bob, one, other := uuid.New(), uuid.New(), uuid.New(), uuid.New()
	want := func(users, rooms []uuid.UUID, want ...store.PushSetting) {
		t.Helper()
		got, err := s.PushSettings(t.Context(), users, rooms)
		less := func(a, b store.PushSetting) int {
			return slices.Compare(append(a.UserID[:], a.RoomID[:]...), append(b.UserID[:], b.RoomID[:]...))
		}
		slices.SortFunc(got, less)
		slices.SortFunc(want, less)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("settings are %+v, %v; want %+v", got, err, want)
		}
	}
	put := func(p store.PushSetting, limit int) error {
		t.Helper()
		return s.PutPushSetting(t.Context(), p, limit)
	}
	overall := store.PushSetting{UserID: alice, Level: store.PushMentions}
	room := store.PushSetting{UserID: alice, RoomID: one, MutedUntil: at}
	theirs := store.PushSetting{UserID: bob, RoomID: one, Level: store.PushNone}
	for _, p := range []store.PushSetting{overall, room, theirs} {
		if err := put(p, 2); err != nil {
			t.Fatal(err)
		}
	}
	want([]uuid.UUID{alice}, nil, overall, room)
	want([]uuid.UUID{alice, bob}, []uuid.UUID{one}, room, theirs)
	want([]uuid.UUID{alice, bob}, []uuid.UUID{uuid.Nil, other}, overall)
	if err := put(store.PushSetting{UserID: alice, RoomID: other, Level: store.PushAll}, 2); !errors.Is(err, store.ErrTooManySettings) {
		t.Errorf("one too many: %v", err)
	}
	room.Level = store.PushAll // what is there can be changed
	if err := put(room, 2); err != nil {
		t.Error(err)
	}
	want([]uuid.UUID{alice}, []uuid.UUID{one}, room)
	if err := put(store.PushSetting{UserID: alice, RoomID: one}, 2); err != nil {
		t.Error(err)
	}
	want([]uuid.UUID{alice}, nil, overall)
	putDevice(t, s, device(alice, "phone", at), 3)
	for _, n := range []int{2, 0} {
		if erased, err := s.ErasePush(t.Context(), alice); err != nil || erased != n {
			t.Errorf("erased %d, %v; want %d", erased, err, n)
		}
	}
	want([]uuid.UUID{alice, bob}, nil, theirs)
	wantDevices(t, s, []uuid.UUID{alice})
}

func vapidKeysStay(t *testing.T, s store.Store) {
	first := store.VAPIDKeys{Public: "public", Private: "private"}
	for _, fresh := range []store.VAPIDKeys{first, {Public: "other", Private: "keys"}} {
		if got, err := s.VAPIDKeys(t.Context(), fresh); err != nil || got != first {
			t.Errorf("keys are %+v, %v", got, err)
		}
	}
}
