import { tmpdir } from 'node:os'
import { join } from 'node:path'

// Four projects, told apart by file name: pure tests sit beside the code (*.test.ts), tests that start real servers
// are *.integration.test.ts, journeys on a real cluster are e2e/<journey>/*.e2e.test.ts, and *.alone.e2e.test.ts when they take
// away or change what the others rely on: those run one by one.

// Tests start our programs hundreds of times; Node strips and compiles a source once, and once more after it has changed.
process.env['NODE_COMPILE_CACHE'] ??= join(tmpdir(), 'chaperone-compiled')

const shared = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2023', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
  transformIgnorePatterns: ['/node_modules/'],
}

export default {
  projects: [
    {
      ...shared,
      displayName: 'unit',
      roots: ['<rootDir>/packages', '<rootDir>/tools'],
      testMatch: ['**/*.test.ts'],
      testPathIgnorePatterns: ['\\.integration\\.test\\.ts$'],
    },
    {
      ...shared,
      displayName: 'integration',
      roots: ['<rootDir>/packages', '<rootDir>/charts/tests'],
      testMatch: ['**/*.integration.test.ts'],
    },
    {
      ...shared,
      displayName: 'e2e',
      roots: ['<rootDir>/e2e'],
      testMatch: ['**/*.e2e.test.ts'],
      testPathIgnorePatterns: ['\\.alone\\.e2e\\.test\\.ts$'],
    },
    { ...shared, displayName: 'e2e-alone', roots: ['<rootDir>/e2e'], testMatch: ['**/*.alone.e2e.test.ts'] },
  ],
}
