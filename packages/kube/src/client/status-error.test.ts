import { describe, expect, test } from '@jest/globals'
import { statusError } from './status-error.ts'

describe('an answer that is not a success', () => {
  test('takes its code from the reason, its message and causes from the server', () => {
    const error = statusError(422, {
      kind: 'Status',
      reason: 'Invalid',
      message: 'ConfigMap "a" is invalid: data: Required value',
      details: { causes: [{ reason: 'FieldValueRequired', field: 'data', message: 'Required value' }] },
    })
    expect(error).toMatchObject({
      code: 'ERR_KUBE_INVALID',
      status: 422,
      reason: 'Invalid',
      message: 'ConfigMap "a" is invalid: data: Required value',
      causes: [{ field: 'data', reason: 'FieldValueRequired', message: 'Required value' }],
    })
  })

  test('tells two kinds of 409 apart', () => {
    expect(statusError(409, { reason: 'AlreadyExists' }).code).toBe('ERR_KUBE_ALREADY_EXISTS')
    expect(statusError(409, { reason: 'Conflict' }).code).toBe('ERR_KUBE_CONFLICT')
  })

  test('calls both Gone and Expired gone', () => {
    expect(statusError(410, { reason: 'Gone' }).code).toBe('ERR_KUBE_GONE')
    expect(statusError(410, { reason: 'Expired' }).code).toBe('ERR_KUBE_GONE')
  })

  test.each([
    [401, 'ERR_KUBE_UNAUTHORIZED'],
    [404, 'ERR_KUBE_NOT_FOUND'],
    [418, 'ERR_KUBE_BAD_REQUEST'],
    [429, 'ERR_KUBE_TOO_MANY_REQUESTS'],
    [502, 'ERR_KUBE_UNAVAILABLE'],
    [504, 'ERR_KUBE_TIMEOUT'],
    [599, 'ERR_KUBE_INTERNAL'],
    [302, 'ERR_KUBE_PROTOCOL'],
  ])('a proxy in between that answers %i without a Status is %s', (status, code) => {
    for (const body of [undefined, null, '<html>', [], { details: { causes: 'none' } }])
      expect(statusError(status, body)).toMatchObject({ code, status, causes: [] })
  })

  test('carries what the server asks us to wait, from the body or the header', () => {
    expect(statusError(429, { details: { retryAfterSeconds: 7 } }, '1').retryAfterMs).toBe(7000)
    expect(statusError(503, undefined, '2').retryAfterMs).toBe(2000)
    expect(statusError(503, undefined, 'Wed, 21 Oct 2026 07:28:00 GMT').retryAfterMs).toBeUndefined()
    expect(statusError(503, undefined).retryAfterMs).toBeUndefined()
  })

  test('cuts endless messages and causes', () => {
    const causes = Array.from({ length: 1000 }, () => ({ message: 'm'.repeat(10_000) }))
    const error = statusError(422, { message: 'm'.repeat(10_000), details: { causes } })
    expect(error.message).toHaveLength(2048)
    expect(error.causes).toHaveLength(100)
    expect(error.causes[0]?.message).toHaveLength(2048)
  })
})
