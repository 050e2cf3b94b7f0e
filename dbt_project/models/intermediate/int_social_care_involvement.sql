-- One row per child for whom social care does something on the day.
with services as (
    select
        child_id,
        'child in need' as service
    from {{ ref('fct_cin_episode') }}
    where is_open
    union all
    select
        child_id,
        'child protection plan' as service
    from {{ ref('fct_child_protection_plan') }}
    where is_open
    union all
    select
        child_id,
        'looked after' as service
    from {{ ref('fct_looked_after_episode') }}
    where is_open
    union all
    select
        child_id,
        'short breaks' as service
    from {{ ref('fct_short_break') }}
    where is_open
)

select
    child_id,
    bool_or(service = 'child in need') as is_in_need,
    bool_or(service = 'child protection plan') as is_protected,
    bool_or(service = 'looked after') as is_looked_after,
    bool_or(service = 'short breaks') as has_short_breaks
from services
where child_id is not null
group by child_id
