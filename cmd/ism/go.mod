module github.com/ism-chat/ism/cmd/ism

go 1.26.0
