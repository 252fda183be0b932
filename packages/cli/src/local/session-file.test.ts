import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { readSessionFile } from './session-file.ts'

const directory = mkdtempSync(join(tmpdir(), 'session-file-'))
const file = join(directory, 's.yaml')
afterAll(() => rmSync(directory, { recursive: true }))

/** The lines of the message, without the folder. */
function problemsOf(text: string): string[] {
  writeFileSync(file, text)
  try {
    readSessionFile(file, { uid: 'u', owner: 'ada', nowMs: 0 })
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_USAGE' })
    return (error as Error).message.replaceAll(`${directory}/`, '').split('\n')
  }
  return []
}

const session = `apiVersion: chaperone.dev/v1alpha1
kind: AgentSession
metadata: {name: laptop}
spec:
  agent: {name: tester}
  egress:
    rules:
    - name: read
      to: {hosts: [api.test]}
      action: Allow
`

test('a right file is read, and its owner is who runs it', () => {
  expect(problemsOf(session)).toEqual([])
  expect(readSessionFile(file, { uid: 'u', owner: 'ada', nowMs: 0 }).session.spec.agent.owner).toBe('ada')
})

test('every problem is named at once, each with its line and its field', () => {
  const wrong = session
    .replace('Allow', 'Permit')
    .replace('  agent: {name: tester}', '  agent:\n    nickname: x')
    .replace('[api.test]', '[]')
  expect(problemsOf(wrong)).toEqual([
    's.yaml:5: spec.agent.name: required, but missing',
    's.yaml:6: spec.agent.nickname: unknown field',
    expect.stringMatching(/^s\.yaml:10: spec\.egress\.rules\[0\]\.to\.hosts: /),
    's.yaml:11: spec.egress.rules[0].action: must be one of Allow, Deny, Approve; given "Permit"',
  ])
})

test('what cannot go together is named by its line too', () => {
  const both = session.replace('action: Allow', 'action: Allow\n      approval:\n        hold: 5s')
  expect(problemsOf(both)).toEqual(['s.yaml:11: spec.egress.rules[0].approval: approval needs action: Approve'])
})

test('lines count through all documents of a file', () => {
  expect(problemsOf(`${session}---\nkind: Pod\n`)).toEqual([
    's.yaml:12: kind: expected AgentSession, EgressPolicy or ClusterEgressPolicy; given "Pod"',
  ])
  expect(problemsOf(`${session}---\njust text\n`)).toEqual([
    expect.stringMatching(/^s\.yaml:12: kind: expected AgentSession/),
  ])
})

test('text that is no YAML is named by its line, without what stands there', () => {
  expect(problemsOf(session.replace('{name: laptop}', '{name: [secret}'))).toEqual([
    expect.stringMatching(/^s\.yaml:3: (?!.*secret)/),
  ])
})

test('a file without a session, or with two, or that is not there, says so', () => {
  expect(problemsOf('')).toEqual(['s.yaml: expected exactly one AgentSession, found 0'])
  expect(problemsOf(`${session}---\n${session}`)).toEqual(['s.yaml: expected exactly one AgentSession, found 2'])
  expect(() => readSessionFile(join(directory, 'none.yaml'), { uid: 'u', owner: 'ada', nowMs: 0 })).toThrow(
    /^-f: .*none\.yaml: no such file$/,
  )
})
