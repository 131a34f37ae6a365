import { ApiProblem, type ProblemDetail } from './api-problem.ts'

/** One fault as the schema compiler reports it. */
export type ValidationFault = {
  readonly keyword: string
  readonly schemaPath: string
  readonly instancePath: string
  readonly params: Readonly<Record<string, unknown>>
  readonly message?: string
}

const errorsMax = 20

/** Faults of a request against its schema as a 400 that names each place. `context` is body, querystring or params. */
export function validationProblems(faults: readonly ValidationFault[], context: string): ApiProblem {
  const errors = bestBranches(faults).flatMap(detailsOf).slice(0, errorsMax)
  return new ApiProblem(
    400,
    'request_invalid',
    `The ${context === 'querystring' ? 'query' : context} is not as it should be: ${errors.map(({ path, message }) => `${path || context} ${message}`).join('; ')}.`,
    'See /docs for what it takes.',
    { errors },
  )
}

/**
 * Of a union, the faults of the branch that was meant: the one whose constants (`kind`, `tableType`) fit. When none
 * does, the constants that would.
 */
function bestBranches(faults: readonly ValidationFault[]): ValidationFault[] {
  const unions = faults.filter(({ keyword }) => keyword === 'anyOf')
  let left = [...faults]
  for (const union of unions) {
    const prefix = `${union.schemaPath}/anyOf/`
    const inside = left.filter(({ schemaPath }) => schemaPath.startsWith(prefix))
    if (inside.length === 0) continue
    left = left.filter((fault) => fault !== union && !inside.includes(fault))
    const branches = Map.groupBy(inside, ({ schemaPath }) => schemaPath.slice(prefix.length).split('/')[0])
    const meant = [...branches.values()]
      .filter((branch) => !branch.some(({ keyword }) => keyword === 'const'))
      .sort((a, b) => a.length - b.length)[0]
    if (meant) left.push(...meant)
    else
      left.push({
        ...union,
        keyword: 'oneOfValues',
        instancePath: constPath(inside),
        params: { values: constants(inside) },
      })
  }
  return left
}

function constPath(faults: readonly ValidationFault[]): string {
  return faults.find(({ keyword }) => keyword === 'const')?.instancePath ?? ''
}

function constants(faults: readonly ValidationFault[]): unknown[] {
  const path = constPath(faults)
  const all = faults.filter(({ keyword, instancePath }) => keyword === 'const' && instancePath === path)
  return [...new Set(all.map(({ params }) => params.allowedValue))]
}

function detailsOf(fault: ValidationFault): ProblemDetail[] {
  const path = fault.instancePath.slice(1).replaceAll('/', '.')
  const at = (name: string) => (path === '' ? name : `${path}.${name}`)
  switch (fault.keyword) {
    case 'boolean':
      return [] // "additionalProperties" says the same with the names
    case 'required':
      return names(fault.params.requiredProperties).map((name) => ({
        path: at(name),
        code: 'missing',
        message: 'is missing',
      }))
    case 'additionalProperties':
      return names(fault.params.additionalProperties).map((name) => ({
        path: at(name),
        code: 'unknown',
        message: 'is not known',
        hint: 'Leave it out, or check its spelling.',
      }))
    case 'oneOfValues':
      return [
        { path, code: 'value_invalid', message: `must be one of ${(fault.params.values as unknown[]).join(', ')}` },
      ]
    default:
      return [{ path, code: 'value_invalid', message: fault.message ?? 'is not right' }]
  }
}

function names(value: unknown): string[] {
  return Array.isArray(value) ? value.map((name) => String(name).slice(0, 100)) : []
}
