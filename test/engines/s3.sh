# An S3-compatible object store: versitygw 1.8 over a folder.
# shellcheck shell=bash disable=SC2154
number=$((ports + 7070))
key=ism-test secret=ism-test-secret

# The answer begins with HTTP/1.1 200.
answers() { says $number 'GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' 485454502f312e3120323030; }

address() { echo "export ISM_TEST_S3_URL=http://$key:$secret@127.0.0.1:$number"; }

run_docker() {
  container s3 -p 127.0.0.1:$number:7070 -e ROOT_ACCESS_KEY=$key -e ROOT_SECRET_KEY=$secret --tmpfs /data \
    versity/versitygw:v1.8.0 --port :7070 --health /health posix /data
}

run_native() {
  local gateway
  gateway=$(versitygw)
  rm -rf "$state/s3"
  mkdir -p "$state/s3"
  ROOT_ACCESS_KEY=$key ROOT_SECRET_KEY=$secret \
    detach s3 "$gateway" --port 127.0.0.1:$number --health /health posix "$state/s3"
}

# versitygw: the path of the program, which is built once.
versitygw() {
  local version=v1.8.0 program work
  program=$cache/versitygw-$version
  if [ ! -x "$program" ]; then
    work=$(mktemp -d "$state/work.XXXXXX")
    GOBIN=$work GOWORK=off CGO_ENABLED=0 go install github.com/versity/versitygw/cmd/versitygw@$version >&2 || return 1
    keep "$work/versitygw" "$program" || return 1
    rm -rf "$work"
  fi
  echo "$program"
}
