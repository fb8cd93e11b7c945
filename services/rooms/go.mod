module github.com/ism-chat/ism/services/rooms

go 1.26.0
