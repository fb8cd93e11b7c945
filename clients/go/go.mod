module github.com/ism-chat/ism/clients/go

go 1.26.0

require (
	github.com/google/uuid v1.6.0
	github.com/ism-chat/ism/libs v0.0.0
)

require github.com/rivo/uniseg v0.4.7 // indirect

replace github.com/ism-chat/ism/libs => ../../libs
