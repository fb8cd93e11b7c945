module github.com/ism-chat/ism/bench

go 1.26.0

require (
	github.com/ism-chat/ism/libs v0.0.0
	github.com/ism-chat/ism/test v0.0.0
)

replace (
	github.com/ism-chat/ism/libs => ../libs
	github.com/ism-chat/ism/test => ../test
)
