module github.com/ism-chat/ism/services/media

go 1.26.0
