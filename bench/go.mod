module github.com/ism-chat/ism/bench

go 1.26.0
