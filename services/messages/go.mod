module github.com/ism-chat/ism/services/messages

go 1.26.0
