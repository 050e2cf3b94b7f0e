-- One row per plan with a first need: the need, in the letters that name the caseload's columns.
select
    plan_id,
    min(lower(sen_type)) as need
from core.fct_need
where need_rank = 1
group by plan_id
