module github.com/ism-chat/ism/test

go 1.26.0
