-- What social care did for each child from when to when; `rank` says which of two at once describes the child. An episode
-- that a later census does not hold any more ended at the census that last held it.
create or replace temp table social_care_spell as
select
    child_id,
    start_date,
    end_date,
    1 as rank,
    'Looked after' as status
from core.fct_looked_after_episode
where child_id is not null
union all
select
    child_id,
    start_date,
    coalesce(end_date, case when not is_open then census_reference_date end) as end_date,
    2 as rank,
    'On a protection plan' as status
from core.fct_child_protection_plan
where child_id is not null
union all
select
    child_id,
    referral_date as start_date,
    coalesce(closure_date, case when not is_open then census_reference_date end) as end_date,
    3 as rank,
    'In need' as status
from core.fct_cin_episode
where child_id is not null
union all
select
    child_id,
    start_date,
    end_date,
    4 as rank,
    'Short breaks' as status
from core.fct_short_break
where child_id is not null;
