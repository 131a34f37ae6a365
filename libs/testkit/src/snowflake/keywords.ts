/** Words that are no names where they stand in a query. */
export const keywords: ReadonlySet<string> = new Set(
  [
    'SELECT FROM WHERE GROUP BY HAVING QUALIFY ORDER LIMIT AS AND OR NOT IN IS NULL LIKE ILIKE RLIKE BETWEEN ESCAPE',
    'CASE WHEN THEN ELSE END DISTINCT ALL UNION EXCEPT MINUS INTERSECT JOIN INNER LEFT RIGHT FULL OUTER CROSS NATURAL',
    'ON USING WITH ASC DESC NULLS FIRST LAST TRUE FALSE OVER PARTITION ROWS RANGE UNBOUNDED PRECEDING FOLLOWING',
    'CURRENT ROW EXISTS VALUES WITHIN EXCLUDE INTERVAL SET ANY OFFSET FETCH',
  ].flatMap((line) => line.split(' ')),
)

/** Keywords that are also functions: LEFT(x, 3). */
export const noCallBefore: ReadonlySet<string> = new Set(['LEFT', 'RIGHT'])
