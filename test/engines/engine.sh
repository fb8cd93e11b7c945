# What the engines' scripts share. Sourced by up, start and down.
# shellcheck shell=bash
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
state=$root/.cache/engines                    # data, logs and process ids; gone with git clean
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ism     # downloads, shared by checkouts

docker_works() { docker info >/dev/null 2>&1; }

# await SECONDS COMMAND…: runs the command until it succeeds.
await() {
  local end=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.3
  done
}

# port NUMBER: whether something listens on the loopback port.
port() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# detach ENGINE COMMAND…: runs the command in the background, its output in ENGINE.log and its process group in ENGINE.pid.
detach() {
  local engine=$1; shift
  setsid nohup "$@" >"$state/$engine.log" 2>&1 </dev/null &
  echo $! >"$state/$engine.pid"
}

# container ENGINE ARGUMENT…: docker run, in the background, under the engine's name. The image is pulled if it is not here.
container() {
  local engine=$1; shift
  docker rm -f "ism-test-$engine" >/dev/null 2>&1 || :
  timeout 300 docker run -d --name "ism-test-$engine" "$@" >"$state/$engine.log" 2>&1 || return 1
}

stop_engine() {
  local engine=$1 pid
  if docker_works; then docker rm -f "ism-test-$engine" >/dev/null 2>&1 || :; fi
  [ -f "$state/$engine.pid" ] || return 0
  pid=$(cat "$state/$engine.pid")
  kill -- "-$pid" 2>/dev/null || kill "$pid" 2>/dev/null || :
  await 20 group_is_gone "$pid" || kill -9 -- "-$pid" 2>/dev/null || :
  rm -f "$state/$engine.pid"
}

group_is_gone() { ! kill -0 -- "-$1" 2>/dev/null; }

# install_packages ENGINE…: what the native engines need of Debian.
install_packages() {
  local packages=(nginx-light) missing=() package
  for engine in "$@"; do
    case $engine in
      postgres) packages+=(postgresql) ;;
      kafka | cassandra) packages+=(openjdk-17-jre-headless maven) ;;
      keycloak) packages+=(openjdk-17-jre-headless maven unzip) ;;
    esac
  done
  for package in "${packages[@]}"; do
    case $package in
      nginx-light) command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || missing+=("$package") ;;
      maven) command -v mvn >/dev/null || missing+=("$package") ;;
      openjdk-17-jre-headless) java17 >/dev/null 2>&1 || missing+=("$package") ;;
      postgresql) [ -n "$(postgres_binaries)" ] || missing+=("$package") ;;
      *) dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package") ;;
    esac
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  echo "installing ${missing[*]}" >&2
  exec 9>"$cache/packages.lock"
  flock 9
  local sudo=()
  [ "$(id -u)" = 0 ] || sudo=(sudo -n)
  "${sudo[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$state/packages.log" 2>&1 ||
    { tail -n 5 "$state/packages.log" >&2; return 1; }
  exec 9>&-
}

postgres_binaries() { find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1; }

# java17: the path of a Java 17 runtime. Kafka and Cassandra want this one, whatever else is installed.
java17() {
  local java
  for java in "${JAVA17_HOME:-}"/bin/java /usr/lib/jvm/*17*/bin/java java; do
    if "$java" -version 2>&1 | grep -q 'version "17\.'; then echo "$java"; return; fi
  done
  echo "no Java 17" >&2
  return 1
}

# jars NAME ARTIFACT…: a folder with the artifacts and all that they need at run time, from Maven.
jars() {
  local dir=$cache/$1 pom; shift
  if [ ! -d "$dir" ]; then
    pom=$(mktemp -d)
    {
      echo '<project><modelVersion>4.0.0</modelVersion><groupId>ism</groupId><artifactId>engine</artifactId><version>1</version><packaging>pom</packaging><dependencies>'
      local artifact group name version
      for artifact in "$@"; do
        IFS=: read -r group name version <<<"$artifact"
        echo "<dependency><groupId>$group</groupId><artifactId>$name</artifactId><version>$version</version></dependency>"
      done
      echo '</dependencies></project>'
    } >"$pom/pom.xml"
    rm -rf "$dir.part"
    mvn -q -B -f "$pom/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$dir.part" >&2
    mv "$dir.part" "$dir"
    rm -rf "$pom"
  fi
  echo "$dir"
}
