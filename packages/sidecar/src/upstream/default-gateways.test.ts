import { expect, test } from '@jest/globals'
import { ipv4Gateways, ipv6Gateways } from './default-gateways.ts'

test('the IPv4 gateway is that of the default route', () => {
  const table = [
    'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
    'eth0\t00000000\t0101F40A\t0003\t0\t0\t0\t00000000\t0\t0\t0',
    'eth0\t0001F40A\t0201F40A\t0003\t0\t0\t0\t00FFFFFF\t0\t0\t0',
    'eth1\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0',
    'eth0\t0101F40A\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0',
    '',
  ].join('\n')
  expect(ipv4Gateways(table)).toEqual(['10.244.1.1'])
})

test('the IPv6 gateway is that of the default route', () => {
  const none = '0'.repeat(32)
  const table = [
    `${none} 00 ${none} 00 fd120000000000000000000000000001 00000400 00000001 00000000 00000003     eth0`,
    `fd120000000000000000000000000000 40 ${none} 00 ${none} 00000100 00000001 00000000 00000001     eth0`,
    `${none} 00 ${none} 00 ${none} ffffffff 00000001 00000000 00200200       lo`,
    '',
  ].join('\n')
  expect(ipv6Gateways(table)).toEqual(['fd12::1'])
})

test('there is none without a default route', () => {
  expect([...ipv4Gateways(''), ...ipv6Gateways('')]).toEqual([])
})
