import { describe, expect, test } from '@jest/globals'
import { parseConfig, parseVerifyConfig } from './config.ts'

const laptop = {
  CHAPERONE_CONTROL_URL: 'unix:/run/c.sock',
  CHAPERONE_PRIVATE_DIR: '/p',
  CHAPERONE_TRUST_DIR: '/t',
  CHAPERONE_AUDIT_DIR: '/a',
  CHAPERONE_AUDIT_FILE: '/a.jsonl',
}

describe('parseConfig', () => {
  test('every problem is reported at once, by the name of its variable', () => {
    expect(() => parseConfig({ CHAPERONE_LOG_LEVEL: 'loud', CHAPERONE_AUDIT_MAX_BYTES: '-1' })).toThrow(
      expect.objectContaining({
        problems: expect.arrayContaining([
          'CHAPERONE_CONTROL_URL: required',
          'CHAPERONE_PRIVATE_DIR: required',
          'CHAPERONE_TRUST_DIR: required',
          'CHAPERONE_AUDIT_DIR: required',
          'CHAPERONE_AUDIT_MAX_BYTES: expected a positive integer',
          'CHAPERONE_COLLECTOR_URL, CHAPERONE_AUDIT_FILE: expected exactly one of them',
          'CHAPERONE_LOG_LEVEL: expected one of trace, debug, info, warn, error, fatal, silent',
        ]) as unknown,
      }),
    )
  })

  test('a laptop needs a socket, three directories and a file', () => {
    expect(parseConfig(laptop)).toMatchObject({
      control: { kind: 'unix', path: '/run/c.sock' },
      auditTo: { kind: 'file', path: '/a.jsonl' },
      health: { host: '0.0.0.0', port: 15_021 },
      inherit: false,
    })
  })

  test('the API server is where the kubelet says, and nowhere in particular on a laptop', () => {
    expect(parseConfig({ ...laptop, KUBERNETES_SERVICE_HOST: '10.96.0.1' }).apiServerIps).toEqual(['10.96.0.1'])
    expect(parseConfig({ ...laptop, KUBERNETES_SERVICE_HOST: 'kubernetes.default.svc' }).apiServerIps).toEqual([])
    expect(parseConfig(laptop).apiServerIps).toEqual([])
  })

  test('an https director needs certificates to be known by', () => {
    expect(() => parseConfig({ ...laptop, CHAPERONE_CONTROL_URL: 'https://d:8443' })).toThrow('PEM certificates')
    expect(() => parseConfig({ ...laptop, CHAPERONE_CONTROL_URL: 'http://d:8443' })).toThrow('expected an https://')
  })

  test('overrides read as curl writes them, IPv6 in brackets', () => {
    const { resolve } = parseConfig({ ...laptop, CHAPERONE_RESOLVE: 'Api.test:443:10.0.0.1,db.test:5432:[fd00::1]' })
    expect(resolve).toEqual([
      { host: 'api.test', port: 443, address: '10.0.0.1' },
      { host: 'db.test', port: 5432, address: 'fd00::1' },
    ])
    expect(() => parseConfig({ ...laptop, CHAPERONE_RESOLVE: 'api.test:443:elsewhere' })).toThrow('HOST:PORT:ADDRESS')
  })

  test('the health listener can be moved or turned off', () => {
    expect(parseConfig({ ...laptop, CHAPERONE_HEALTH: 'none' }).health).toBeUndefined()
    expect(parseConfig({ ...laptop, CHAPERONE_HEALTH: '[::1]:15080' }).health).toEqual({ host: '::1', port: 15_080 })
  })

  test('traffic is led here by the guard unless clients are told of a proxy; anything else is a mistake', () => {
    expect(parseConfig(laptop).interception).toBe('Transparent')
    expect(parseConfig({ ...laptop, CHAPERONE_INTERCEPTION: 'Proxy' }).interception).toBe('Proxy')
    expect(() => parseConfig({ ...laptop, CHAPERONE_INTERCEPTION: 'proxy' })).toThrow('expected Transparent or Proxy')
  })
})

test('verify needs to know only where the certificates are and where it reports', () => {
  expect(parseVerifyConfig({ CHAPERONE_TRUST_DIR: '/t', CHAPERONE_VERIFY_DIR: '/v' })).toEqual({
    trustDir: '/t',
    verifyDir: '/v',
    terminationLog: '/dev/termination-log',
    firstProcess: 'catatonit',
  })
  expect(() => parseVerifyConfig({})).toThrow('CHAPERONE_TRUST_DIR: required; CHAPERONE_VERIFY_DIR: required')
})

test('verify goes by the proxy that clients are told of, where there is no guard', () => {
  const guarded = { CHAPERONE_TRUST_DIR: '/t', CHAPERONE_VERIFY_DIR: '/v' }
  const proxied = { ...guarded, CHAPERONE_INTERCEPTION: 'Proxy' }
  const HTTPS_PROXY = 'http://127.0.0.1:15002'
  expect(parseVerifyConfig({ ...proxied, HTTPS_PROXY }).proxy?.host).toBe('127.0.0.1:15002')
  expect(parseVerifyConfig({ ...guarded, HTTPS_PROXY }).proxy).toBeUndefined()
  expect(() => parseVerifyConfig(proxied)).toThrow('HTTPS_PROXY: expected an http:// URL')
})
