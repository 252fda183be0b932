import { Writer } from '../cursor/writer.ts'
import { frame } from './frame.ts'

export const encodeQuery = (sql: string): Buffer => frame('Q', new Writer().cstring(sql).finish())
export const encodePassword = (password: string): Buffer => frame('p', new Writer().cstring(password).finish())
export const encodeTerminate = (): Buffer => frame('X')
export const encodeFlush = (): Buffer => frame('H')
export const encodeCopyFail = (reason: string): Buffer => frame('f', new Writer().cstring(reason).finish())
export const encodeDescribePortal = (portal: string): Buffer =>
  frame('D', new Writer().bytes(Buffer.from('P')).cstring(portal).finish())
export const encodeSync = (): Buffer => frame('S')

export function encodeSaslInitial(mechanism: string, data: string): Buffer {
  const bytes = Buffer.from(data)
  return frame('p', new Writer().cstring(mechanism).int32(bytes.length).bytes(bytes).finish())
}

export const encodeSaslResponse = (data: string): Buffer => frame('p', Buffer.from(data))
