/** RFC 3454 table C.1.2: spaces other than U+0020. */
const otherSpaces = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/gu
/** RFC 3454 table B.1: characters that are commonly mapped to nothing. */
const mappedToNothing = /\u00ad|\u034f|\u1806|[\u180b-\u180d]|[\u200c-\u200d]|\u2060|[\ufe00-\ufe0f]|\ufeff/gu

/**
 * A password as SCRAM hashes it (SASLprep, RFC 4013 §2.1 and §2.2). As PostgreSQL does, passwords that SASLprep forbids
 * are taken as they are; only empty results and control characters are recognised as forbidden.
 */
export function saslPrep(password: string): string {
  if (/^\p{ASCII}*$/u.test(password)) return password
  const prepared = password.replace(otherSpaces, ' ').replace(mappedToNothing, '').normalize('NFKC')
  return prepared === '' || /\p{Cc}/u.test(prepared) ? password : prepared
}
