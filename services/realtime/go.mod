module github.com/ism-chat/ism/services/realtime

go 1.26.0
