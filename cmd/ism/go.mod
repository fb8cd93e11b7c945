module github.com/ism-chat/ism/cmd/ism

go 1.26.0

require (
	github.com/ism-chat/ism/libs v0.0.0
	github.com/ism-chat/ism/services/media v0.0.0
	github.com/ism-chat/ism/services/messages v0.0.0
	github.com/ism-chat/ism/services/notifications v0.0.0
	github.com/ism-chat/ism/services/realtime v0.0.0
	github.com/ism-chat/ism/services/rooms v0.0.0
	github.com/twmb/franz-go/pkg/kfake v0.0.0-20260918054303-01f206a7e32c
)

replace (
	github.com/ism-chat/ism/libs => ../../libs
	github.com/ism-chat/ism/services/media => ../../services/media
	github.com/ism-chat/ism/services/messages => ../../services/messages
	github.com/ism-chat/ism/services/notifications => ../../services/notifications
	github.com/ism-chat/ism/services/realtime => ../../services/realtime
	github.com/ism-chat/ism/services/rooms => ../../services/rooms
)
