import { ApiProblem } from './api-problem.ts'

export function invalidQuery(path: string, message: string): ApiProblem {
  return new ApiProblem(
    400,
    'request_invalid',
    `The query is not as it should be: ${path} ${message}.`,
    'Use the value of `next` as it was given.',
    {
      errors: [{ path, code: 'value_invalid', message }],
    },
  )
}
