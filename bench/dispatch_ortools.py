"""The same instance given to OR-Tools' routing solver: the mark to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ortools.constraint_solver import pywrapcp, routing_enums_pb2

from bench.dispatch_checker import File, Tour

SCALE = 10_000
# Without the leave to begin with a plan that leaves somebody out, it mostly finds none to begin with.
LEFT_OUT = 10_000 * SCALE


def solve(file: File, seconds: float) -> list[Tour] | None:
    """The best plan OR-Tools finds on one thread; None when it finds none in time that serves everybody."""
    manager = pywrapcp.RoutingIndexManager(len(file.nodes), file.vehicles, 0)
    routing = pywrapcp.RoutingModel(manager)
    whole = _matrix(file)
    count = len(file.nodes)

    service = [round(node.service * SCALE) for node in file.nodes]
    routing.SetArcCostEvaluatorOfAllVehicles(routing.RegisterTransitMatrix(whole))
    driving = [[minutes + service[i] for minutes in row] for i, row in enumerate(whole)]
    loads = routing.RegisterUnaryTransitVector([node.load for node in file.nodes])
    routing.AddDimension(loads, 0, file.room, True, "room")
    day = int(file.nodes[0].closes * SCALE)
    routing.AddDimension(routing.RegisterTransitMatrix(driving), day, day, False, "time")
    time = routing.GetDimensionOrDie("time")
    for vehicle in range(file.vehicles):
        time.SetSpanUpperBoundForVehicle(int(file.longest_tour * SCALE), vehicle)
    for node in range(1, count):
        opens, closes = _narrowed(file, node)
        time.CumulVar(manager.NodeToIndex(node)).SetRange(int(opens * SCALE), min(day, int(closes * SCALE)))
    _pair(file, manager, routing, time)
    parameters = pywrapcp.DefaultRoutingSearchParameters()
    parameters.first_solution_strategy = routing_enums_pb2.FirstSolutionStrategy.PARALLEL_CHEAPEST_INSERTION
    parameters.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    parameters.time_limit.FromMilliseconds(int(seconds * 1000))
    found = routing.SolveWithParameters(parameters)
    if found is None:
        return None
    tours = [_tour(file, manager, routing, time, found, v) for v in range(file.vehicles)]
    return tours if sum(len(tour.stops) for tour in tours) == count - 1 else None


def _pair(file: File, manager: Any, routing: Any, time: Any) -> None:
    solver = routing.solver()
    for request in range(1, file.requests + 1):
        pickup, delivery = manager.NodeToIndex(request), manager.NodeToIndex(request + file.requests)
        routing.AddPickupAndDelivery(pickup, delivery)
        routing.AddDisjunction([pickup], LEFT_OUT)
        routing.AddDisjunction([delivery], LEFT_OUT)
        solver.Add(routing.VehicleVar(pickup) == routing.VehicleVar(delivery))
        longest = int((file.longest_ride + file.nodes[request].service) * SCALE)
        solver.Add(time.CumulVar(delivery) - time.CumulVar(pickup) <= longest)


def _narrowed(file: File, node: int) -> tuple[float, float]:
    """The node's window, and what the window of the ride's other end leaves of it (which helps the solver)."""
    rule = file.nodes[node]
    if node <= file.requests:
        other = file.nodes[node + file.requests]
        drive = file.apart(node, node + file.requests)
        opens = max(rule.opens, other.opens - file.longest_ride - rule.service)
        return opens, min(rule.closes, other.closes - drive - rule.service)
    other = file.nodes[node - file.requests]
    drive = file.apart(node, node - file.requests)
    opens = max(rule.opens, other.opens + other.service + drive)
    return opens, min(rule.closes, other.closes + other.service + file.longest_ride)


def _matrix(file: File) -> Sequence[Sequence[int]]:
    """Rounded up, so that what keeps its times here keeps the real ones."""
    count = len(file.nodes)
    return [[-int(-file.apart(i, j) * SCALE // 1) for j in range(count)] for i in range(count)]


def _tour(file: File, manager: Any, routing: Any, time: Any, found: Any, vehicle: int) -> Tour:
    index, stops, starts = routing.Start(vehicle), [], []
    leaves = found.Min(time.CumulVar(index)) / SCALE
    index = found.Value(routing.NextVar(index))
    while not routing.IsEnd(index):
        stops.append(manager.IndexToNode(index))
        starts.append(found.Min(time.CumulVar(index)) / SCALE)
        index = found.Value(routing.NextVar(index))
    return Tour(tuple(stops), leaves, tuple(starts), found.Min(time.CumulVar(index)) / SCALE)
