// Two services of AWS, one bucket. Every request must have a signature (SigV4) that fits it as it arrived: so nothing that is signed was changed.
import { createHash, createHmac } from 'node:crypto'
import { Rejected } from './expectations.mjs'

export const accessKey = { id: 'AKIDE2EEXAMPLE', secret: 'e2e-secret-access-key' }

const sha256 = (data) => createHash('sha256').update(data).digest('hex')
const hmac = (key, data) => createHmac('sha256', key).update(data).digest()

/** Signature Version 4, "Create a signed request". */
function expectSigned({ method, url, headers, bytes }) {
  const [, credential = '', signed = '', signature] =
    /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      headers.authorization ?? '',
    ) ?? []
  const [id, ...scope] = credential.split('/')
  if (id !== accessKey.id) throw new Rejected(403, ['InvalidAccessKeyId'])
  const declared = headers['x-amz-content-sha256']
  if (/^[0-9a-f]{64}$/.test(declared) && declared !== sha256(bytes))
    throw new Rejected(400, ['XAmzContentSHA256Mismatch'])
  const canonical = [
    method,
    url.pathname,
    url.search.slice(1).split('&').sort().join('&'),
    ...signed.split(';').map((name) => `${name}:${headers[name].trim().replaceAll(/ +/g, ' ')}`),
    '',
    signed,
    declared ?? sha256(bytes),
  ].join('\n')
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope.join('/'), sha256(canonical)].join('\n')
  const key = scope.reduce(hmac, `AWS4${accessKey.secret}`)
  if (hmac(key, text).toString('hex') !== signature) throw new Rejected(403, ['SignatureDoesNotMatch'])
}

const xml = (text) => ({
  status: 200,
  type: 'application/xml',
  text: `<?xml version="1.0" encoding="UTF-8"?>\n${text}`,
})

export function securityTokens(request) {
  expectSigned(request)
  if (!/(^|&)Action=GetCallerIdentity(&|$)/.test(request.bytes.toString())) throw new Rejected(400, ['InvalidAction'])
  return xml(
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/agent</Arn><UserId>AIDA1</UserId><Account>123456789012</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetCallerIdentityResponse>',
  )
}

const objects = new Map()

/** The bucket whose name the host begins with. */
export function bucket(request) {
  expectSigned(request)
  const { method, url, headers, bytes } = request
  const name = decodeURIComponent(url.pathname.slice(1))
  if (method === 'PUT') {
    objects.set(name, (headers['content-encoding'] ?? '').includes('aws-chunked') ? unchunked(bytes) : bytes)
    return { status: 200, text: '', headers: { etag: '"1"' } }
  }
  if (method === 'GET' && name === '') {
    const contents = [...objects].map(
      ([key, value]) =>
        `<Contents><Key>${key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>"1"</ETag><Size>${value.length}</Size></Contents>`,
    )
    return xml(
      `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>shelf</Name><KeyCount>${objects.size}</KeyCount><IsTruncated>false</IsTruncated>${contents.join('')}</ListBucketResult>`,
    )
  }
  const object = objects.get(name)
  if (object === undefined) throw new Rejected(404, ['NoSuchKey'])
  return {
    status: 200,
    type: 'binary/octet-stream',
    text: method === 'HEAD' ? '' : object,
    headers: { etag: '"1"', 'content-length': object.length, 'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT' },
  }
}

/** "Authenticating requests: chunked upload": lengths in front, checksums of all behind. */
function unchunked(bytes) {
  const parts = []
  for (let at = 0; ;) {
    const line = bytes.indexOf('\r\n', at)
    const length = Number.parseInt(bytes.toString('latin1', at, line), 16)
    if (!(length > 0)) return Buffer.concat(parts)
    parts.push(bytes.subarray(line + 2, line + 2 + length))
    at = line + 2 + length + 2
  }
}
