import { describe, expect, test } from '@jest/globals'
import { mutationsOf } from '@chaperone/testkit'
import fc from 'fast-check'
import { KubeApiError } from '../errors.ts'
import { parseWatchEvent } from './watch-event.ts'

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'a', namespace: 'b', resourceVersion: '7' },
  spec: { x: 1 },
}

describe('a watch event', () => {
  test.each(['ADDED', 'MODIFIED', 'DELETED'])('%s carries the object as it was sent', (type) => {
    expect(parseWatchEvent(JSON.stringify({ type, object: pod }))).toEqual({ type, object: pod })
  })

  test('BOOKMARK carries only a resource version', () => {
    const object = { apiVersion: 'v1', kind: 'Pod', metadata: { resourceVersion: '9', creationTimestamp: null } }
    expect(parseWatchEvent(JSON.stringify({ type: 'BOOKMARK', object }))).toEqual({
      type: 'BOOKMARK',
      resourceVersion: '9',
    })
  })

  test('ERROR is thrown as the status that it carries', () => {
    const object = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version: 1 (2)' }
    expect(() => parseWatchEvent(JSON.stringify({ type: 'ERROR', object }))).toThrow(
      expect.objectContaining({ code: 'ERR_KUBE_GONE', status: 410, message: 'too old resource version: 1 (2)' }),
    )
  })

  test.each([
    '',
    'null',
    '[]',
    '{',
    '{"type":"ADDED"}',
    '{"type":"NEW","object":{"metadata":{"name":"a","resourceVersion":"1"}}}',
  ])('%j is refused', (line) => {
    expect(() => parseWatchEvent(line)).toThrow(expect.objectContaining({ code: 'ERR_KUBE_PROTOCOL' }))
  })

  test('whatever a line holds, only KubeApiError escapes', () => {
    const line = Buffer.from(JSON.stringify({ type: 'MODIFIED', object: pod }))
    fc.assert(
      fc.property(mutationsOf(line), (mutated) => {
        try {
          parseWatchEvent(mutated.toString('utf8'))
        } catch (error) {
          expect(error).toBeInstanceOf(KubeApiError)
        }
      }),
    )
  })
})
