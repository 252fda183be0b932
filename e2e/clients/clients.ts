/** A client as its users run it, with no setting of trust of its own. */
export interface Client {
  /** As docs/clients.md calls it. */
  readonly name: string
  /**
   * A shell script that makes one exchange in an empty folder: `$ORIGIN` is the server, with a path that only this client has. It succeeds
   * and prints what it got, or fails.
   */
  readonly script: string
  readonly expected: string
  /** The one variable without which it refuses; undefined for a client that reads the bundle of its system. */
  readonly variable?: string
  /** Prints the version that is in the table. */
  readonly version: string
  /** In a pod whose container is root. */
  readonly asRoot?: true
}

/** The answer of the API, which a rule masks: only the sidecar can have written it. */
const masked = '{"customer":"[REDACTED:EmailAddress]"}'
const api = '$ORIGIN/customer'

const inNode = (source: string) => `cd /opt/node && node --input-type=module -e '${source}' ${api}`
const versionInNode = (name: string) => `node -p 'require("/opt/node/node_modules/${name}/package.json").version'`
const inPython = (source: string) => `python -c '${source}' ${api}`
const versionInPython = (name: string) =>
  `python -c 'from importlib.metadata import version; print(version("${name}"))'`

const tools: readonly Client[] = [
  { name: 'curl', version: 'curl --version', script: `curl -sSf ${api}`, expected: masked },
  { name: 'wget', version: 'wget --version', script: `wget -qO- ${api}`, expected: masked },
  {
    name: 'openssl s_client',
    version: 'openssl version',
    script:
      'printf "GET /$SLUG/customer HTTP/1.1\\r\\nHost: $HOST\\r\\nConnection: close\\r\\n\\r\\n" | ' +
      'openssl s_client -quiet -verify_return_error -connect $HOST -servername ${HOST%:*} 2>/dev/null',
    expected: '[REDACTED:EmailAddress]',
  },
  {
    name: 'git (clone and push)',
    version: 'git --version',
    // A push of more than a megabyte goes up in chunks.
    script: `git clone -q $ORIGIN/git/tiny.git . && head -c 3000000 /dev/urandom >large && git add large && git -c user.name=a -c user.email=a@b commit -qm large &&
      git push -q origin HEAD:refs/heads/$(date +%N) && git ls-remote origin | grep -c $(git rev-parse HEAD)`,
    expected: '1',
  },
  {
    name: 'apt',
    version: 'apt-get --version',
    asRoot: true,
    // A root without capabilities cannot become apt's own user, nor write its folders; that has nothing to do with trust.
    script: `mkdir -p lists/partial cache/archives/partial && echo "deb [trusted=yes] $ORIGIN/apt ./" >sources.list &&
      set -- -qq -o APT::Sandbox::User=root -o Dir::Etc::SourceList=$PWD/sources.list -o Dir::Etc::SourceParts=/dev/null \\
        -o Dir::State::Lists=$PWD/lists -o Dir::Cache=$PWD/cache &&
      apt-get "$@" update && apt-get "$@" install --reinstall -y tiny >/dev/null && cat /usr/share/tiny/tiny`,
    expected: 'tiny',
  },
]

const python: readonly Client[] = [
  {
    name: 'Python urllib',
    version: 'python --version',
    script: inPython('import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())'),
    expected: masked,
  },
  {
    name: 'requests',
    version: versionInPython('requests'),
    variable: 'REQUESTS_CA_BUNDLE',
    script: inPython('import requests, sys; print(requests.get(sys.argv[1]).text)'),
    expected: masked,
  },
  {
    name: 'httpx',
    version: versionInPython('httpx'),
    variable: 'SSL_CERT_FILE',
    script: inPython('import httpx, sys; print(httpx.get(sys.argv[1]).text)'),
    expected: masked,
  },
  {
    name: 'aiohttp',
    version: versionInPython('aiohttp'),
    script: `python - ${api} <<'END'
import aiohttp, asyncio, sys
async def main():
    async with aiohttp.ClientSession() as session, session.get(sys.argv[1]) as response:
        print(await response.text())
asyncio.run(main())
END`,
    expected: masked,
  },
  {
    name: 'urllib3',
    version: versionInPython('urllib3'),
    script: inPython('import sys, urllib3; print(urllib3.request("GET", sys.argv[1], retries=False).data.decode())'),
    expected: masked,
  },
  {
    name: 'pip',
    version: 'pip --version',
    script: `pip install -q --retries 0 --no-deps --no-cache-dir --disable-pip-version-check --target . --index-url $ORIGIN/pypi tiny && cat tiny.py`,
    expected: 'name = "tiny"',
  },
  {
    name: 'uv',
    version: 'uv --version',
    variable: 'SSL_CERT_FILE',
    script: `UV_HTTP_RETRIES=0 uv pip install -q --no-cache --python /opt/python/bin/python --target . --index-url $ORIGIN/pypi tiny && cat tiny.py`,
    expected: 'name = "tiny"',
  },
]

const javascript: readonly Client[] = [
  {
    name: 'Node fetch',
    version: 'node --version',
    variable: 'NODE_EXTRA_CA_CERTS',
    script: inNode('console.log(await (await fetch(process.argv[1])).text())'),
    expected: masked,
  },
  {
    name: 'axios',
    version: versionInNode('axios'),
    variable: 'NODE_EXTRA_CA_CERTS',
    script: inNode('import axios from "axios"; console.log(JSON.stringify((await axios(process.argv[1])).data))'),
    expected: masked,
  },
  {
    name: 'got',
    version: versionInNode('got'),
    variable: 'NODE_EXTRA_CA_CERTS',
    script: inNode('import got from "got"; console.log(await got(process.argv[1], { retry: { limit: 0 } }).text())'),
    expected: masked,
  },
  {
    name: 'undici',
    version: versionInNode('undici'),
    variable: 'NODE_EXTRA_CA_CERTS',
    script: inNode('import { request } from "undici"; console.log(await (await request(process.argv[1])).body.text())'),
    expected: masked,
  },
  {
    name: 'npm',
    version: 'npm --version',
    variable: 'NODE_EXTRA_CA_CERTS',
    script:
      'npm install --silent --fetch-retries 0 --cache ./cache --registry $ORIGIN/npm/ tiny && node -p "require(\'tiny\')"',
    expected: 'tiny',
  },
  {
    name: 'pnpm',
    version: 'pnpm --version',
    script:
      'echo {} >package.json && PNPM_CONFIG_FETCH_RETRIES=0 pnpm add --silent --store-dir ./store --registry $ORIGIN/npm/ tiny && node -p "require(\'tiny\')"',
    expected: 'tiny',
  },
  {
    name: 'Deno fetch',
    version: 'deno --version',
    variable: 'DENO_CERT',
    script: `echo 'console.log(await (await fetch(Deno.args[0])).text())' >main.js && deno run -q --allow-net main.js ${api}`,
    expected: masked,
  },
  {
    name: 'Deno npm packages',
    version: 'deno --version',
    variable: 'DENO_CERT',
    script: `echo 'import tiny from "npm:tiny"; console.log(tiny)' >main.js && NPM_CONFIG_REGISTRY=$ORIGIN/npm/ deno run -q main.js`,
    expected: 'tiny',
  },
  {
    name: 'Bun fetch',
    version: 'bun --version',
    script: `bun -e 'console.log(await (await fetch(process.argv[1])).text())' ${api}`,
    expected: masked,
  },
  {
    name: 'bun add',
    version: 'bun --version',
    script:
      'echo {} >package.json && BUN_CONFIG_REGISTRY=$ORIGIN/npm/ bun add --silent tiny && node -p "require(\'tiny\')"',
    expected: 'tiny',
  },
]

const compiled: readonly Client[] = [
  { name: 'Go net/http', version: 'go version', script: `/opt/programs/fetch-go ${api}`, expected: masked },
  {
    name: 'go mod download',
    version: 'go version',
    script: `GOPROXY=$ORIGIN/go GOSUMDB=off GOTOOLCHAIN=local GOFLAGS=-modcacherw go mod download example.test/tiny@v1.0.0 &&
      cat go/pkg/mod/example.test/tiny@v1.0.0/tiny.go`,
    expected: 'package tiny',
  },
  ...(['native-certs', 'platform-verifier', 'native-tls'] as const).map((store) => ({
    name: `Rust reqwest, ${store}`,
    version: 'cat /opt/programs/reqwest-version',
    script: `/opt/programs/fetch-rust ${store} ${api}`,
    expected: masked,
  })),
  {
    name: 'cargo vendor',
    version: 'cargo --version',
    script: `mkdir src && touch src/lib.rs && cat >Cargo.toml <<END
[package]
name = "app"
version = "1.0.0"
edition = "2021"
[dependencies]
tiny = { version = "1.0.0", registry = "origin" }
END
      export CARGO_HOME=$PWD/home CARGO_NET_RETRY=0 CARGO_REGISTRIES_ORIGIN_INDEX=sparse+$ORIGIN/cargo/ && cargo vendor -q >/dev/null && cat vendor/tiny/src/lib.rs`,
    expected: 'pub fn tiny() {}',
  },
  {
    name: 'Java HttpClient',
    version: 'java -version 2>&1 | grep build',
    variable: 'JAVA_TOOL_OPTIONS',
    script: `java -cp /opt/programs Fetch ${api}`,
    expected: masked,
  },
  {
    name: 'Maven',
    version: 'mvn --version',
    variable: 'JAVA_TOOL_OPTIONS',
    script: `cat >settings.xml <<END
<settings><localRepository>$PWD/repository</localRepository>
<mirrors><mirror><id>origin</id><mirrorOf>*</mirrorOf><url>$ORIGIN/maven</url></mirror></mirrors></settings>
END
      cat >pom.xml <<END
<project><modelVersion>4.0.0</modelVersion><artifactId>app</artifactId><packaging>pom</packaging>
<parent><groupId>test.example</groupId><artifactId>parent</artifactId><version>1.0.0</version><relativePath/></parent>
<build><extensions><extension><groupId>test.example</groupId><artifactId>tiny</artifactId><version>1.0.0</version></extension></extensions></build>
</project>
END
      mvn -q -B -s settings.xml validate && unzip -p repository/test/example/tiny/1.0.0/tiny-1.0.0.jar`,
    expected: 'tiny',
  },
]

const others: readonly Client[] = [
  {
    name: 'Ruby net/http',
    version: 'ruby --version',
    script: `ruby -rnet/http -e 'print Net::HTTP.get(URI(ARGV[0]))' ${api}`,
    expected: masked,
  },
  {
    name: 'gem',
    version: 'gem --version',
    script: 'gem install --silent --no-document --install-dir . --clear-sources --source $ORIGIN/gem/ tiny && ls gems',
    expected: 'tiny-1.0.0',
  },
  {
    name: 'Bundler',
    version: 'bundle --version',
    script: `printf 'source "%s/gem/"\\ngem "tiny"\\n' $ORIGIN >Gemfile && BUNDLE_PATH=$PWD/bundle BUNDLE_RETRY=0 bundle install --quiet && ls bundle/ruby/*/gems`,
    expected: 'tiny-1.0.0',
  },
  {
    name: 'PHP curl',
    version: 'php --version',
    script: `php -r '$c = curl_init($argv[1]); curl_setopt($c, CURLOPT_RETURNTRANSFER, true); print curl_exec($c) ?: curl_error($c);' ${api}`,
    expected: masked,
  },
  {
    name: 'PHP streams',
    version: 'php --version',
    script: `php -r 'print file_get_contents($argv[1]);' ${api}`,
    expected: masked,
  },
  {
    name: 'Composer',
    version: 'composer --version',
    script: `cat >composer.json <<END
{"repositories": [{"type": "composer", "url": "$ORIGIN/composer"}, {"packagist.org": false}], "require": {"example/tiny": "1.0.0"}}
END
      composer install -q -n && cat vendor/example/tiny/composer.json`,
    expected: '{"name": "example/tiny", "version": "1.0.0"}',
  },
  {
    name: 'psql',
    version: 'psql --version',
    variable: 'PGSSLROOTCERT',
    script: `psql -At "host=$DATABASE dbname=postgres user=agent sslmode=verify-full" -c 'select email from customers where id = 1'`,
    expected: '[REDACTED:EmailAddress]',
  },
]

export const clients: readonly Client[] = [...tools, ...python, ...javascript, ...compiled, ...others]
