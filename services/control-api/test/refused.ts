import assert from 'node:assert/strict'
import type { Answer } from './test-api.ts'

export type Problem = {
  readonly status: number
  readonly code: string
  readonly detail: string
  readonly hint: string
  readonly errors?: readonly { path: string; code: string; message: string; hint?: string }[]
}

/** The answer is a problem of this status and code, as RFC 9457 has it. */
export function refused(answer: Answer<unknown>, status: number, code: string): Problem {
  assert.equal(answer.status, status, answer.text)
  assert.match(String(answer.headers['content-type']), /^application\/problem\+json/)
  const problem = answer.body as Problem
  assert.equal(problem.code, code, answer.text)
  assert.equal(problem.status, status)
  for (const text of [problem.detail, problem.hint]) assert.ok(text.length > 0)
  return problem
}
