import { describe, expect, test } from '@jest/globals'
import { addressBytes, formatAddress } from './address-bytes.ts'
import type { NameAuthority } from '../names/cluster-names.ts'
import { createAddressRules } from './address-class.ts'

const rules = createAddressRules(['10.0.0.5', 'fd12::5'], () => ['10.244.1.7'])
const apiServer = ['10.96.0.1', '172.18.0.2', '203.0.113.6']
const objection = (address: string, cidrs?: readonly string[], authority: NameAuthority = 'elsewhere') =>
  rules.objection(address, { cidrs, authority, apiServer })

describe('addresses that an agent may never reach', () => {
  test.each([
    '127.0.0.1',
    '127.255.1.1',
    '::1',
    '169.254.169.254',
    '169.254.1.1',
    'fe80::1',
    'fe80::1%eth0',
    'fd00:ec2::254',
    '100.100.100.200',
    '168.63.129.16',
    '0.0.0.0',
    '::',
    '224.0.0.1',
    'ff02::1',
    '255.255.255.255',
    '240.240.0.9',
    '100::f0f0:9',
    '10.0.0.5',
    'fd12::5',
    '10.244.1.7',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::127.0.0.1',
    '64:ff9b::169.254.169.254',
    '64:ff9b:1:a9fe:a9:fe00::',
    '2002:7f00:1::',
    '2001::1',
  ])('%s', (address) => {
    expect(objection(address)).toBeDefined()
    expect(objection(address, undefined, 'service')).toBeDefined()
    expect(objection(address, undefined, 'apiServer')).toBeDefined()
  })

  test.each([
    '93.184.215.14',
    '11.0.0.1',
    '172.32.0.1',
    '192.169.0.1',
    '100.128.0.1',
    '198.18.7.1',
    '2606:2800::1',
    '64:ff9b::5db8:d70e',
  ])('%s is an ordinary host', (address) => {
    expect(objection(address)).toBeUndefined()
  })
})

describe.each([
  '10.0.0.6',
  '10.255.255.255',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '100.64.0.1',
  '100.127.255.255',
  'fc00::1',
  'fd12::6',
  '::ffff:10.0.0.6',
  '::10.0.0.6',
  '64:ff9b::a00:6',
  '64:ff9b:1:a00:0:600::',
  '2002:a00:6::',
])('the private address %s', (address) => {
  test('is for names of the cluster', () => {
    expect(objection(address)).toMatch(/^private addresses are for names of the cluster/)
    expect(objection(address, undefined, 'service')).toBeUndefined()
    expect(objection(address, undefined, 'apiServer')).toBeUndefined()
  })

  test('is for any name whose rule lists a range around it, however wide', () => {
    expect(objection(address, ['0.0.0.0/0', 'fc00::/7'])).toBeUndefined()
    expect(objection(address, ['203.0.113.0/24'])).toContain('outside the ranges')
  })
})

test('a refusal says what to write into the rule', () => {
  expect(objection('::ffff:10.1.2.3')).toContain('to.cidrs: ["10.1.2.3/32"]')
  expect(objection('FD12::7')).toContain('to.cidrs: ["fd12::7/128"]')
  expect(objection('10.1.2.3', ['10.1.2.3/32'])).toBeUndefined()
  expect(objection('203.0.113.6')).toContain('reached as kubernetes.default.svc')
  expect(objection('203.0.113.6')).toContain('to.cidrs: ["203.0.113.6/32"]')
})

describe.each(apiServer)('the address of the API server, %s,', (address) => {
  test('is for its own name, and not for other Services', () => {
    expect(objection(address, undefined, 'apiServer')).toBeUndefined()
    expect(objection(address, undefined, 'service')).toContain('API server')
    expect(objection(address)).toContain('API server')
    expect(objection(`::ffff:${address}`)).toContain('API server')
  })

  test('is for a rule that lists it, and not for one that lists a range around it', () => {
    expect(objection(address, [`${address}/32`])).toBeUndefined()
    expect(objection(address, ['0.0.0.0/0'])).toContain('API server')
    expect(objection(address, [`${address}/8`])).toContain('API server')
    expect(objection(address, ['0.0.0.0/0'], 'service')).toContain('API server')
  })
})

describe('the ranges that a rule lists', () => {
  test('bound where its name may resolve to', () => {
    expect(objection('10.1.0.1', ['10.1.0.0/16', 'fd12::/16'])).toBeUndefined()
    expect(objection('fd12::9', ['10.1.0.0/16', 'fd12::/16'])).toBeUndefined()
    expect(objection('10.2.0.1', ['10.1.0.0/16'])).toContain('outside the ranges')
    expect(objection('::ffff:10.1.0.1', ['10.1.0.0/16'])).toBeUndefined()
  })

  test('open a forbidden address when they name it, not when they merely contain it', () => {
    expect(objection('169.254.169.254', ['169.254.169.254/32'])).toBeUndefined()
    expect(objection('127.0.0.1', ['127.0.0.0/8'])).toBeUndefined()
    expect(objection('10.0.0.5', ['10.0.0.5/32'])).toBeUndefined()
    expect(objection('10.0.0.5', ['10.0.0.0/8'])).toContain('node addresses')
    expect(objection('10.0.0.5', ['10.0.0.5/8'])).toContain('node addresses')
    expect(objection('169.254.169.254', ['169.254.0.0/16'])).toContain('cloud metadata')
    expect(objection('169.254.1.1', ['169.254.0.0/16'])).toBeUndefined()
    expect(objection('10.96.0.1', ['10.0.0.5/0'])).toContain('API server')
    expect(objection('169.254.169.254', ['0.0.0.0/1', '128.0.0.0/1'])).toContain('cloud metadata')
    expect(objection('127.0.0.1', ['0.0.0.0/0'])).toContain('loopback')
  })

  test('never open what is no host at all', () => {
    expect(objection('240.240.0.1', ['240.240.0.0/16'])).toContain('never')
    expect(objection('255.255.255.255', ['255.255.255.255/32'])).toContain('never')
  })
})

test.each(['1.2.3.4', '2606:2800::1', 'fe80::1', '::1', '100::f0f0:9'])(
  '%s is the same after bytes and back',
  (address) => {
    expect(formatAddress(addressBytes(address))).toBe(address)
  },
)
