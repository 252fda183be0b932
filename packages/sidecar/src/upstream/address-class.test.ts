import { describe, expect, test } from '@jest/globals'
import { addressBytes, formatAddress } from './address-bytes.ts'
import { createAddressRules } from './address-class.ts'

const rules = createAddressRules(['10.0.0.5', 'fd12::5'], () => ['10.244.1.7'])

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
    expect(rules.objection(address)).toBeDefined()
  })

  test.each([
    '93.184.215.14',
    '10.0.0.6',
    '192.168.1.1',
    '172.20.0.1',
    '100.64.0.1',
    'fd12::6',
    '2606:2800::1',
    '::ffff:10.0.0.6',
  ])('%s is an ordinary host', (address) => {
    expect(rules.objection(address)).toBeUndefined()
  })
})

describe('the ranges that a rule lists', () => {
  test('bound where its name may resolve to', () => {
    expect(rules.objection('10.1.0.1', ['10.1.0.0/16', 'fd12::/16'])).toBeUndefined()
    expect(rules.objection('fd12::9', ['10.1.0.0/16', 'fd12::/16'])).toBeUndefined()
    expect(rules.objection('10.2.0.1', ['10.1.0.0/16'])).toContain('outside the ranges')
    expect(rules.objection('::ffff:10.1.0.1', ['10.1.0.0/16'])).toBeUndefined()
  })

  test('open a forbidden address when they name it, not when they merely contain it', () => {
    expect(rules.objection('169.254.169.254', ['169.254.169.254/32'])).toBeUndefined()
    expect(rules.objection('127.0.0.1', ['127.0.0.0/8'])).toBeUndefined()
    expect(rules.objection('10.0.0.5', ['10.0.0.5/32'])).toBeUndefined()
    expect(rules.objection('10.0.0.5', ['10.0.0.0/8'])).toContain('node addresses')
    expect(rules.objection('169.254.169.254', ['0.0.0.0/1', '128.0.0.0/1'])).toContain('cloud metadata')
    expect(rules.objection('127.0.0.1', ['0.0.0.0/0'])).toContain('loopback')
  })

  test('never open what is no host at all', () => {
    expect(rules.objection('240.240.0.1', ['240.240.0.0/16'])).toContain('never')
    expect(rules.objection('255.255.255.255', ['255.255.255.255/32'])).toContain('never')
  })
})

test.each(['1.2.3.4', '2606:2800::1', 'fe80::1', '::1', '100::f0f0:9'])(
  '%s is the same after bytes and back',
  (address) => {
    expect(formatAddress(addressBytes(address))).toBe(address)
  },
)
