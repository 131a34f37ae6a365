import type { FastifyInstance } from 'fastify'
import { ApiProblem } from './api-problem.ts'

const depthMax = 20

/**
 * JSON bodies: an empty one is none (clients send the header with every request), `__proto__` keys are refused, and so
 * is what is nested deeper than any request needs.
 */
export function takeJsonBodies(api: FastifyInstance): void {
  const parse = api.getDefaultJsonParser('error', 'error')
  api.removeContentTypeParser(['application/json', 'text/plain'])
  api.addContentTypeParser('application/json', { parseAs: 'string' }, (request, text, done) => {
    const body = String(text)
    if (body.trim() === '') return done(null, undefined)
    if (depthOf(body) > depthMax)
      return done(
        new ApiProblem(400, 'json_too_deep', `The body is nested deeper than ${depthMax}.`, 'Make it flatter.'),
      )
    return parse(request, body, done)
  })
}

/** Deepest nesting of a JSON text, by its brackets outside of strings. */
function depthOf(text: string): number {
  let depth = 0
  let deepest = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const char = text[i]
    if (inString) {
      if (char === '\\') i++
      else if (char === '"') inString = false
    } else if (char === '"') inString = true
    else if (char === '{' || char === '[') deepest = Math.max(deepest, ++depth)
    else if (char === '}' || char === ']') depth--
  }
  return deepest
}
