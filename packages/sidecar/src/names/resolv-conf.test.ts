import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { parseResolvConf, readResolvConf } from './resolv-conf.ts'

test('the last search line counts, and at most three servers do', () => {
  const text =
    '# by the kubelet\nnameserver 10.96.0.10\nnameserver x\nnameserver fd00::a\nnameserver 1.1.1.1\nnameserver 8.8.8.8\ndomain a.b\nsearch Agents.svc.cluster.local. cluster.local\noptions ndots:5\n'
  expect(parseResolvConf(text)).toEqual({
    nameservers: ['10.96.0.10', 'fd00::a', '1.1.1.1'],
    search: ['agents.svc.cluster.local', 'cluster.local'],
  })
})

test('what an agent writes into the file later is not believed after a restart', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'resolv-'))
  const path = join(dir, 'etc')
  await writeFile(path, 'nameserver 10.0.0.1\n')
  const before = await readResolvConf(dir, path)
  await writeFile(path, 'nameserver 6.6.6.6\n')
  expect(await readResolvConf(dir, path)).toEqual(before)
  await rm(dir, { recursive: true })
})
