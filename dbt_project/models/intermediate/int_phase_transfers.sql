-- One row per active plan of a child who changes phase at the end of this school year. The plan is to be reviewed and
-- amended by 15 February of the year of transfer, or by 31 March for the move to post-16 (SEND Regulations 2014,
-- reg. 18(1)). The year group is reckoned from the date of birth, so that it holds for any day asked.
with plans as (
    select
        plan.plan_id,
        plan.plan_start_date,
        child.nc_year_by_age,
        place.statutory_high_age,
        {{ school_year_start('run.as_at') }} as school_year_start_date,
        year(school_year_start_date)::integer + 1 as transfer_year,
        run.as_at
    from {{ ref('fct_plan') }} as plan
    cross join {{ source('landing', 'run') }} as run
    inner join {{ ref('dim_child') }} as child on plan.child_id = child.child_id
    -- left: the place may not be recorded or not be in the register
    left join {{ ref('int_plan_places') }} as place on plan.plan_id = place.plan_id
    where plan.is_active
),

-- A school whose highest age is reached this year is left this year; one that goes on past 11 is not left at 11.
transfers as (
    select
        plan_id,
        plan_start_date,
        school_year_start_date,
        case
            when nc_year_by_age = -1 then 'early years to school'
            when nc_year_by_age = 2 and statutory_high_age = 7 then 'infant to junior'
            when nc_year_by_age in (4, 5) and statutory_high_age = nc_year_by_age + 5 then 'first to middle'
            when nc_year_by_age = 6 and coalesce(statutory_high_age <= 11, true) then 'primary to secondary'
            when nc_year_by_age in (7, 8) and statutory_high_age = nc_year_by_age + 5 then 'middle to secondary'
            when nc_year_by_age = 11 then 'secondary to post-16'
        end as phase_transfer,
        case
            when nc_year_by_age = 11 then make_date(transfer_year, 3, 31)
            else make_date(transfer_year, 2, 15)
        end as phase_transfer_deadline,
        as_at
    from plans
    where phase_transfer is not null
),

amendments as (
    select
        transfers.plan_id,
        min(review.final_amended_date) as finalised_date
    from transfers
    inner join {{ ref('fct_review') }} as review
        on transfers.plan_id = review.plan_id and transfers.school_year_start_date <= review.final_amended_date
    group by transfers.plan_id
)

select
    transfers.plan_id,
    transfers.school_year_start_date,
    transfers.phase_transfer,
    transfers.phase_transfer_deadline,
    coalesce(
        amendments.finalised_date,
        case when transfers.plan_start_date >= transfers.school_year_start_date then transfers.plan_start_date end
    ) as phase_transfer_finalised_date,
    greatest(
        coalesce(phase_transfer_finalised_date, transfers.as_at) - transfers.phase_transfer_deadline, 0
    )::integer as phase_transfer_days_overdue
from transfers
-- left: not yet amended
left join amendments on transfers.plan_id = amendments.plan_id
