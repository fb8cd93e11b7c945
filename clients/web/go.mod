module github.com/ism-chat/ism/clients/web

go 1.26.0
