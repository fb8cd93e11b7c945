# What the engines' scripts share. Sourced by up, start and down.
# shellcheck shell=bash disable=SC2034
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
state=$root/.cache/engines                    # data, logs and process ids; gone with git clean
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ism     # downloads, shared by checkouts
ports=${ISM_TEST_PORTS:-20000}                # an engine's port is this plus its usual one

docker_works() { timeout 10 docker info >/dev/null 2>&1; }

# await SECONDS COMMAND…: runs the command until it succeeds.
await() {
  local end=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.3
  done
}

# says PORT REQUEST ANSWER: whether what listens on the loopback port answers the request, given in printf's escapes, with the
# bytes, a pattern of hexadecimal digits. An open port alone says little: Docker opens it before the engine does.
says() {
  local answer
  answer=$( (exec 3<>"/dev/tcp/127.0.0.1/$1" && printf '%b' "$2" >&3 && timeout 2 head -c $((${#3} / 2)) <&3 | od -An -v -tx1 | tr -d ' \n') 2>/dev/null) || return 1
  # shellcheck disable=SC2053
  [[ $answer == $3 ]]
}

# detach ENGINE COMMAND…: runs the command in the background, its output in ENGINE.log and its process group in ENGINE.pid.
detach() {
  local engine=$1; shift
  setsid nohup "$@" >"$state/$engine.log" 2>&1 </dev/null 8>&- &
  echo $! >"$state/$engine.pid"
  await 5 lives "$engine" || : # until setsid has run there is no such group, and the engine would be taken for dead
}

# container ENGINE ARGUMENT…: docker run, in the background, under the engine's name. The image is pulled if it is not here.
container() {
  local engine=$1; shift
  remove_container "$engine"
  timeout 300 docker run -d --name "ism-test-$ports-$engine" "$@" >"$state/$engine.log" 2>&1 || return 1
  touch "$state/$engine.container"
}

remove_container() {
  docker rm -f -v "ism-test-$ports-$1" >/dev/null 2>&1 || :
  rm -f "$state/$1.container"
}

# lives ENGINE: whether what was started as the engine still runs.
lives() {
  if [ -f "$state/$1.container" ]; then
    [ "$(docker inspect -f '{{.State.Running}}' "ism-test-$ports-$1" 2>/dev/null)" = true ]
  else
    [ -f "$state/$1.pid" ] && kill -0 -- "-$(cat "$state/$1.pid")" 2>/dev/null
  fi
}

# The last lines that the engine wrote.
last_words() {
  if [ -f "$state/$1.container" ]; then docker logs --tail 40 "ism-test-$ports-$1" 2>&1; else tail -n 40 "$state/$1.log"; fi
}

stop_engine() {
  local engine=$1 pid data
  if [ -f "$state/$engine.container" ]; then remove_container "$engine"; fi
  if [ -f "$state/$engine.pid" ]; then
    pid=$(cat "$state/$engine.pid")
    kill -- "-$pid" 2>/dev/null || :
    await 20 group_is_gone "$pid" || kill -9 -- "-$pid" 2>/dev/null || :
    rm -f "$state/$engine.pid"
  fi
  if [ -f "$state/$engine.data" ]; then
    data=$(cat "$state/$engine.data")
    rm -rf "${data:?}" "$state/$engine.data"
  fi
}

group_is_gone() { ! kill -0 -- "-$1" 2>/dev/null; }

# install ENGINE…: installs what is missing of Debian's packages that the native engines need. nginx is for the gateway,
# prometheus and alertmanager for the dashboards' queries and for alerts, chromium for streams as a browser reads them, node for a receiver of webhooks in JavaScript.
install() {
  local packages
  packages=$(missing_packages "$@")
  [ -n "$packages" ] || return 0
  echo "installing $packages" >&2
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120)
  [ "$(id -u)" = 0 ] || apt=(sudo -n "${apt[@]}")
  # shellcheck disable=SC2016
  flock "$cache/packages.lock" bash -c '"${@:2}" update && "${@:2}" install -y --no-install-recommends $1' - "$packages" "${apt[@]}" \
    >"$state/packages.log" 2>&1 || { tail -n 5 "$state/packages.log" >&2; return 1; }
}

missing_packages() {
  local missing=() engine
  for engine in "$@"; do
    case $engine in
      nginx) command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || missing+=(nginx-light) ;;
      chromium) command -v chromium >/dev/null || missing+=(chromium) ;;
      node)
        command -v node >/dev/null || missing+=(nodejs)
        command -v npm >/dev/null || missing+=(npm) ;;
      prometheus) command -v prometheus >/dev/null || missing+=(prometheus) ;;
      alertmanager) command -v prometheus-alertmanager >/dev/null || missing+=(prometheus-alertmanager) ;;
      postgres) [ -n "$(postgres_binaries)" ] || missing+=(postgresql) ;;
      kafka | cassandra | keycloak)
        java17 >/dev/null 2>&1 || missing+=(openjdk-17-jre-headless)
        command -v mvn >/dev/null || missing+=(maven) ;;&
      cassandra) command -v openssl >/dev/null || missing+=(openssl) ;;
      keycloak) command -v unzip >/dev/null || missing+=(unzip) ;;
    esac
  done
  echo "${missing[*]}"
}

postgres_binaries() { find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1; }

# java17: the path of a Java 17 runtime. Kafka and Cassandra want this one, whatever else is installed.
java17() {
  local java
  for java in "${JAVA17_HOME:-}"/bin/java /usr/lib/jvm/*17*/bin/java "$(command -v java)"; do
    if "$java" -version 2>&1 | grep -q 'version "17\.'; then echo "$java"; return; fi
  done
  echo "no Java 17: install one, or name it by JAVA17_HOME" >&2
  return 1
}

# jars NAME ARTIFACT…: a folder with the artifacts and all that they need at run time, from Maven.
jars() {
  local dir=$cache/$1 pom artifact group name version; shift
  if [ ! -d "$dir" ]; then
    pom=$(mktemp -d "$state/work.XXXXXX")
    {
      echo '<project><modelVersion>4.0.0</modelVersion><groupId>ism</groupId><artifactId>engine</artifactId><version>1</version><packaging>pom</packaging><dependencies>'
      for artifact in "$@"; do
        IFS=: read -r group name version <<<"$artifact"
        echo "<dependency><groupId>$group</groupId><artifactId>$name</artifactId><version>$version</version></dependency>"
      done
      echo '</dependencies></project>'
    } >"$pom/pom.xml"
    mvn -q -B -f "$pom/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$pom/jars" >&2 || return 1
    keep "$pom/jars" "$dir"
    rm -rf "$pom"
  fi
  echo "$dir"
}

# keep FROM TO: puts a finished download in its place; another checkout may have been first.
keep() {
  local part
  part=$(mktemp -d "$cache/part.XXXXXX")
  mv "$1" "$part/whole"
  mv -n -T "$part/whole" "$2" 2>/dev/null || :
  rm -rf "$part"
  [ -e "$2" ]
}
