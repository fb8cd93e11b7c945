module github.com/ism-chat/ism/services/notifications

go 1.26.0
