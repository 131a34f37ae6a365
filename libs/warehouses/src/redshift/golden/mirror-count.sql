SELECT _mp_change_type, COUNT(*), MAX(n)
FROM "millrace"."run_01900000000070008000000000000001_0123456789abcdef"
GROUP BY _mp_change_type;
