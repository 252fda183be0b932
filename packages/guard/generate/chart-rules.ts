// Writes the rule set as the chart's admission policy compares it: without the uid, and without the lines of open ports.
import { generatedFile } from '../../../tools/generated-file.ts'
import { podRules } from '../src/index.ts'

const proxyUid = 424242
const lines = podRules({ proxyUid, inboundPorts: [] }).replaceAll(String(proxyUid), 'UID').split('\n')
generatedFile(
  'charts/chaperone/files/guard-rules.nft',
  lines.filter((line) => !/^ {4}tcp [ds]port \{/.test(line)).join('\n'),
)
