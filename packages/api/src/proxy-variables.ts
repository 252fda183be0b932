/** What stays beside the proxy: servers of the agent's own. */
const own = 'localhost,127.0.0.1,::1'

/** What tells clients of a proxy; each ecosystem reads some of them, in one of two spellings. `url` is `http://HOST:PORT`. */
export function proxyVariables(url: string): Readonly<Record<string, string>> {
  return {
    ...Object.fromEntries(
      ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'].flatMap((name) => [
        [name, url],
        [name.toLowerCase(), url],
      ]),
    ),
    NO_PROXY: own,
    no_proxy: own,
    // Node ≥ 24 reads none of them otherwise.
    NODE_USE_ENV_PROXY: '1',
  }
}

/** The same for `JAVA_TOOL_OPTIONS`; Java itself leaves loopback out. */
export function javaProxyOptions(url: string): string {
  const { hostname, port } = new URL(url)
  return ['http', 'https'].map((scheme) => `-D${scheme}.proxyHost=${hostname} -D${scheme}.proxyPort=${port}`).join(' ')
}
