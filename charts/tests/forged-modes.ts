import { rules, setting, sidecar, verify, type Forgery } from './forgery.ts'

/** More where there is a guard. */
export const forgedGuards: readonly Forgery[] = [
  ['without a guard', 'command', (pod) => (verify(pod).command = ['/usr/bin/catatonit', '-P'])],
  ['with a guard that does nothing', 'command', (pod) => (verify(pod).command![1] = ' /bin/true')],
  ['with a guard that may fail', 'command', (pod) => (verify(pod).command![0] = '/usr/lib/execline/bin/foreground')],
  ['with a program of others after the guard', 'command', (pod) => (verify(pod).command![4] = '/usr/local/bin/node')],
  [
    'with a program more between the guard and the wait',
    'command',
    (pod) => verify(pod).command!.splice(4, 0, '/usr/lib/execline/bin/if', ' /usr/sbin/nft', ' flush ruleset', ''),
  ],
  [
    'with a rule more',
    'rule set',
    (pod) => rules(pod, (text) => text.replace('oifname "lo" accept', 'oifname "lo" accept\n    meta skuid 0 accept')),
  ],
  [
    'with an agent that answers on the health port',
    'declared ports',
    (pod) =>
      rules(pod, (text) =>
        text
          .replace(/ {4}tcp sport .*\n/, '')
          .replace(/( {4}meta skuid != \d+ drop)/, '    tcp sport { 80, 15021 } ct direction reply accept\n$1'),
      ),
  ],
  ['with a rule less', 'rule set', (pod) => rules(pod, (text) => text.replace('policy drop', 'policy accept'))],
  ['with the rules for another uid', 'rule set', (pod) => rules(pod, (text) => text.replaceAll('424242', '1000'))],
  [
    'with another verdict on the line of open ports',
    'declared ports',
    (pod) =>
      rules(pod, (text) =>
        text.replace(/(\n {4}tcp dport \{[^}]*\}) accept/, '$1 accept comment "x"; meta skuid 0 accept'),
      ),
  ],
  [
    'with a line of open ports in another chain',
    'rule set',
    (pod) =>
      rules(pod, (text) =>
        text.replace('    oifname "lo" return\n', '    oifname "lo" return\n    tcp dport { 443 } accept\n'),
      ),
  ],
  [
    'with the line of open ports moved',
    'rule set',
    (pod) =>
      rules(pod, (text) => {
        const line = /\n {4}tcp dport \{[^}]*\} accept/.exec(text)![0]
        return text.replace(line, '').replace('policy drop;', `policy drop;${line}`)
      }),
  ],
  [
    'with a volume over the programs of the guard',
    'volumeMounts',
    (pod) => {
      pod.spec.volumes.push({ name: 'chaperone-secret-x', secret: { secretName: 'x' } })
      verify(pod).volumeMounts.push({ name: 'chaperone-secret-x', mountPath: '/usr/sbin' })
    },
  ],
  [
    'with a sidecar that has the capability of the guard',
    'initContainers[*].securityContext',
    (pod) => (sidecar(pod).securityContext['capabilities'] = { drop: ['ALL'], add: ['NET_ADMIN'] }),
  ],
  [
    'with a guard that lacks its capability',
    'initContainers[*].securityContext',
    (pod) => (verify(pod).securityContext['capabilities'] = { drop: ['ALL'] }),
  ],
  [
    'with a guard that has more than NET_ADMIN',
    'initContainers[*].securityContext',
    (pod) => (verify(pod).securityContext['capabilities'] = { drop: ['ALL'], add: ['NET_ADMIN', 'SYS_ADMIN'] }),
  ],
  [
    'with a well-known uid',
    'runAsUser',
    (pod) => {
      sidecar(pod).securityContext['runAsUser'] = 1337
      verify(pod).securityContext['runAsUser'] = 1336
      rules(pod, (text) => text.replaceAll('424242', '1337'))
      pod.metadata.annotations['chaperone.dev/proxy-uid'] = '1337'
    },
  ],
  [
    'that is told of a proxy nobody asked for',
    'initContainers[*].env',
    (pod) => sidecar(pod).env.push({ name: 'CHAPERONE_INTERCEPTION', value: 'Proxy' }),
  ],
  [
    'that claims to be led by a proxy',
    'metadata.labels',
    (pod) => (pod.metadata.labels['chaperone.dev/interception'] = 'Proxy'),
  ],
]

/** More where there is none. */
export const forgedProxies: readonly Forgery[] = [
  [
    'with a verify that may change the network',
    'initContainers[*].securityContext',
    (pod) => (verify(pod).securityContext['capabilities'] = { drop: ['ALL'], add: ['NET_ADMIN'] }),
  ],
  [
    'with rules of its own',
    'command',
    (pod) =>
      (verify(pod).command = [
        '/usr/lib/execline/bin/if',
        ' /usr/sbin/nft',
        ' flush ruleset',
        '',
        '/usr/bin/catatonit',
        '-P',
      ]),
  ],
  [
    'without the label of its mode',
    'metadata.labels',
    (pod) => delete pod.metadata.labels['chaperone.dev/interception'],
  ],
  [
    'whose sidecar waits for a redirect',
    'initContainers[*].env',
    (pod) => (setting(sidecar(pod), 'CHAPERONE_INTERCEPTION').value = 'Transparent'),
  ],
  [
    'whose verify looks elsewhere',
    'initContainers[*].env',
    (pod) => (setting(verify(pod), 'HTTPS_PROXY').value = 'http://203.0.113.9:3128'),
  ],
  [
    'whose agent is not told of the sidecar',
    'told of the sidecar as their proxy',
    ({ spec }) => {
      for (const each of spec.containers) each.env = each.env.filter(({ name }) => name !== 'https_proxy')
    },
  ],
  [
    'with a well-known uid',
    'runAsUser',
    (pod) => {
      sidecar(pod).securityContext['runAsUser'] = 1337
      verify(pod).securityContext['runAsUser'] = 1336
      pod.metadata.annotations['chaperone.dev/proxy-uid'] = '1337'
    },
  ],
]
