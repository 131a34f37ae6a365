CREATE TABLE "millrace"."snapshot_a_b_0123456789abcdef" AS
SELECT c._mp_row_hash AS h, c.k AS k, c.c0 AS i0, c.c2 AS b0, c.c1 AS b1
FROM "millrace"."run_01900000000070008000000000000001_0123456789abcdef" AS c
WHERE c._mp_change_type IN ('i', 'u');
