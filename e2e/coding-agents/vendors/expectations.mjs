// What a vendor refuses with status 400, collected for one request: each a sentence that names the field.

export class Rejected extends Error {
  constructor(status, problems) {
    super(problems.join('; '))
    this.status = status
  }
}

/** `expect(isSo, problem)` collects; `expect.done()` throws when anything was not so. */
export function createExpect() {
  const problems = []
  const expect = (isSo, problem) => void (isSo || problems.push(problem))
  expect.done = () => {
    if (problems.length > 0) throw new Rejected(400, problems)
  }
  return expect
}

export const isText = (value) => typeof value === 'string'
export const isFilled = (value) => isText(value) && value.length > 0
export const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)
