// Writes the rule set as the chart's admission policy compares it: with words in the places of the uid and of the lines of open ports.
import { generatedFile } from '../../../tools/generated-file.ts'
import { podRules } from '../src/index.ts'

const proxyUid = 424242
generatedFile(
  'charts/chaperone/files/guard-rules.nft',
  podRules({ proxyUid, inboundPorts: [1] })
    .replaceAll(String(proxyUid), 'UID')
    .replace(/^ {4}tcp sport \{.*$/m, '    REPLIES')
    .replace(/^ {4}tcp dport \{.*$/m, '    INBOUND'),
)
