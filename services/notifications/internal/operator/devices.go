package operator

import (
	"context"
	"io"

	client "github.com/ism-chat/ism/clients/go"
)

func devices() group {
	return group{name: "devices", verbs: []verb{
		{name: "list", args: []string{user}, does: "list where a user is told by push", prepare: plain(listDevices)},
		{name: "remove", args: []string{user, "DEVICE"}, does: "remove a device; the user's app registers it again at its next start", prepare: plain(removeDevice)},
	}}
}

func listDevices(ctx context.Context, s *session, args []string) error {
	id, err := idOf(user, args[0])
	if err != nil {
		return err
	}
	all, err := s.client.DevicesOf(ctx, id)
	if err != nil {
		return err //nolint:wrapcheck // it says what was asked
	}
	return s.print(append([]client.Device{}, all...), func(out io.Writer) {
		row(out, "DEVICE", "KIND", "REGISTERED")
		for _, d := range all {
			row(out, d.ID, d.Kind, timeOf(d.RegisteredAt))
		}
	})
}

func removeDevice(ctx context.Context, s *session, args []string) error {
	id, err := idOf(user, args[0])
	if err != nil {
		return err
	}
	if err := s.client.DeleteDeviceOf(ctx, id, args[1]); err != nil {
		return err //nolint:wrapcheck // it says what was asked
	}
	return s.print(map[string]string{"removed": args[1]}, func(out io.Writer) { row(out, "removed", args[1]) })
}
