import { describe, expect, test } from '@jest/globals'
import { inject } from './inject.ts'
import type { Container, Pod } from './pod.ts'
import { trustWarnings } from './trust-warnings.ts'

const podWith = (container: Partial<Container>): Pod => ({
  metadata: { name: 'agent' },
  spec: { containers: [{ name: 'main', ...container }] },
})

describe('who applies a pod is warned', () => {
  test('of a variable that it sets itself and that stays', () => {
    const env = [
      { name: 'HOME', value: '/tmp' },
      { name: 'SSL_CERT_FILE', value: '/mine' },
      { name: 'PIP_CERT', valueFrom: { secretKeyRef: { name: 'roots' } } },
    ]
    expect(trustWarnings(podWith({ env }))).toEqual([
      'spec.containers[0].env: kept SSL_CERT_FILE, PIP_CERT: must hold /etc/chaperone/trust/ca.crt, or clients refuse the sidecar',
    ])
  })

  test('of Java options that name a store or cannot be read, not of others, to which ours are added', () => {
    const java = (value: string | undefined) =>
      trustWarnings(podWith({ env: [{ name: 'JAVA_TOOL_OPTIONS', ...(value === undefined ? {} : { value }) }] }))
    expect(java('-Djavax.net.ssl.trustStore=/mine.jks')).toHaveLength(1)
    expect(java(undefined)).toHaveLength(1)
    expect(java('-Xmx1g')).toEqual([])
  })

  test('of a mount of its own over the bundle of the system, in init containers too', () => {
    const container = { name: 'setup', volumeMounts: [{ name: 'roots', mountPath: '/etc/ssl/certs/' }] }
    expect(trustWarnings({ metadata: {}, spec: { containers: [], initContainers: [container] } })).toEqual([
      'spec.initContainers[0].volumeMounts: kept /etc/ssl/certs/ca-certificates.crt: must hold /etc/chaperone/trust/ca.crt, or clients refuse the sidecar',
    ])
  })

  test('of nothing that was injected', () => {
    const settings = {
      sidecarImage: 'sidecar:1',
      imagePullPolicy: 'Always',
      controlUrl: '',
      controlCa: '',
      collectorUrl: '',
      logLevel: 'info',
      resources: { requests: {}, limits: {} },
      auditMaxBytes: 1,
      verifyPeriodSeconds: 300,
      interception: 'Transparent' as const,
      proxyUid: 424242,
      session: { name: 'devin', uid: 'u-1', policyHash: 'h' },
      credentialSecrets: [],
      serviceAccountToken: false,
    }
    expect(trustWarnings(inject(podWith({}), settings))).toEqual([])
  })
})
