package observed

import (
	"context"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/notifications/store"
)

func (o observed) PutDevice(ctx context.Context, device store.Device, limit int) (err error) {
	defer o.metrics.Observe("put_device")(&err)
	return o.Store.PutDevice(ctx, device, limit)
}

func (o observed) Devices(ctx context.Context, users []uuid.UUID) (devices []store.Device, err error) {
	defer o.metrics.Observe("list_devices")(&err)
	return o.Store.Devices(ctx, users)
}

func (o observed) DeleteDevice(ctx context.Context, user uuid.UUID, id, target string) (deleted bool, err error) {
	defer o.metrics.Observe("delete_device")(&err)
	return o.Store.DeleteDevice(ctx, user, id, target)
}

func (o observed) PutPushSetting(ctx context.Context, setting store.PushSetting, limit int) (err error) {
	defer o.metrics.Observe("put_push_setting")(&err)
	return o.Store.PutPushSetting(ctx, setting, limit)
}

func (o observed) PushSettings(ctx context.Context, users, rooms []uuid.UUID) (settings []store.PushSetting, err error) {
	defer o.metrics.Observe("list_push_settings")(&err)
	return o.Store.PushSettings(ctx, users, rooms)
}

func (o observed) ErasePush(ctx context.Context, user uuid.UUID) (erased int, err error) {
	defer o.metrics.Observe("erase_push")(&err)
	return o.Store.ErasePush(ctx, user)
}
