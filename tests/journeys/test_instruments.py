"""What an operator's own instruments show: `/metrics` counts every fact, and a trace follows a post all the way.

The collector is one of our own that speaks what every collector does: OTLP over HTTP.
"""

from __future__ import annotations

from contextlib import asynccontextmanager

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from tests.journeys.doors import approved, until
from tests.journeys.places import after, four_processes, one_process

STORY = "acme.spring-042"
WAY = ["scheduler.post_taken_in", "scheduler.post_scheduled", "scheduler.slot_taken", "scheduler.post_due",
       "publisher.attempt_started", "publisher.post_published", "collector.measurement_planned"]  # fmt: skip


@asynccontextmanager
async def a_collector():
    """Its address, and every span it was told: service and span."""
    spans = []

    async def take(request):
        told = ExportTraceServiceRequest.FromString(await request.read())
        for resource in told.resource_spans:
            (service,) = [
                each.value.string_value for each in resource.resource.attributes if each.key == "service.name"
            ]
            spans.extend((service, span) for scope in resource.scope_spans for span in scope.spans)
        return web.Response()

    app = web.Application()
    app.router.add_post("/v1/traces", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", spans
    finally:
        await runner.cleanup()


async def published(place):
    """One post, from its approval to its publication."""
    await place.doors.opened("acme", "linkedin", zone="Europe/Berlin")
    await place.doors.approve(approved("spring-042", text="How Acme grew."))
    post = await place.doors.in_status(STORY, "scheduled")
    await place.until(after(post["scheduled_at"]))
    await place.doors.in_status(STORY, "published")
    await until(lambda: said(place.doors, len(WAY)), what="its measurement is planned")


async def said(doors, many):
    return len(await doors.said(STORY)) == many


async def shown(doors):
    """Every sample of `/metrics`, which is read without a key."""
    async with doors.session.get(doors.up["page"] + "/metrics") as answer:
        families = list(text_string_to_metric_families(await answer.text()))
    return {(each.name, *sorted(each.labels.values())): each.value for family in families for each in family.samples}


async def test_a_trace_follows_a_post_from_its_intake_to_its_publication(tmp_path):
    async with a_collector() as (address, spans):
        async with one_process(tmp_path, traces_to=address) as place:
            await published(place)
            timeline = await place.doors.timeline(STORY)
        # The house has left, so whatever waited was sent.
        of_story = [(service, span) for service, span in spans if attributes(span)["story"] == STORY]
        assert [f"{service}.{span.name.partition('.')[2]}" for service, span in of_story] == WAY
        assert len({span.trace_id for _, span in of_story}) == 1
        intake, *others = [span for _, span in of_story]
        assert not intake.parent_span_id
        assert {span.parent_span_id for span in others} == {intake.span_id}
        assert [attributes(span)["cause"] for _, span in of_story] == [fact["cause"] for fact in timeline]
        by_name = {span.name: span for _, span in of_story}
        attempt, outcome = by_name["publisher.attempt_started"], by_name["publisher.post_published"]
        assert outcome.start_time_unix_nano == attempt.start_time_unix_nano <= outcome.end_time_unix_nano
        assert "How Acme grew." not in str(spans)


async def test_the_metrics_count_every_fact_and_say_how_late_and_how_far(tmp_path):
    async with one_process(tmp_path) as place:
        await published(place)

        async def counted():
            found = await shown(place.doors)
            return found if ("distribution_facts_total", "collector.measurement_planned", "linkedin") in found else None

        found = await until(counted, what="the last fact is counted")
        for fact in WAY:
            assert found["distribution_facts_total", *sorted((fact, "linkedin"))] == 1
        assert found["distribution_lateness_seconds_count", "linkedin"] == 1
        end = found["distribution_position", "log"]
        assert end == await place.house.store.position()
        assert found["distribution_position", "views"] == end
        assert 0 < found["distribution_position", "publisher"] <= end


async def test_where_every_service_is_a_process_the_gateway_has_them(tmp_path, postgres_address):
    async with four_processes(tmp_path, postgres_address) as place:
        await place.doors.opened("acme", "linkedin", zone="Europe/Berlin")
        await place.doors.approve(approved("spring-042"))

        async def counted():
            found = await shown(place.doors)
            return found if found.get(("distribution_facts_total", "linkedin", "scheduler.post_scheduled")) else None

        found = await until(counted, what="the slot is counted")
        readers = {key[1] for key in found if key[0] == "distribution_position"}
        assert readers >= {"log", "views", "scheduler"}


async def test_a_collector_that_is_away_delays_nothing(tmp_path, unused_tcp_port):
    async with one_process(tmp_path, traces_to=f"http://127.0.0.1:{unused_tcp_port}") as place:
        await published(place)


def attributes(thing):
    return {each.key: each.value.string_value for each in thing.attributes}
